// Start a head and a worker from a program, each a process of its own, and stop them.
import * as pylet from 'drover/pylet';

const head = await pylet.start({ port: Number(process.env.EXAMPLE_PORT ?? 8000) });
const worker = await pylet.start({ address: head.address, token: head.token, gpu: 1, cpu: 2, memory: 1024 });

await pylet.init(head.address, { token: head.token });
for (const { status, gpu, cpu, memory } of await pylet.workers()) console.log({ status, gpu, cpu, memory });
const instance = await pylet.submit('echo "on GPU $CUDA_VISIBLE_DEVICES"', { gpu: 1 });
await instance.wait();
console.log(await instance.logs());

await pylet.shutdown();
await worker.stop();
await head.stop();
console.log('stopped');
