// A store that uses certain GPUs of a certain worker without taking them away, and a model beside it on one of them.
import * as pylet from 'drover/pylet';

await pylet.init();

const worker = (await pylet.workers()).find(({ gpu }) => gpu >= 4);
if (!worker) throw new Error('no worker with four GPUs');

const store = await pylet.submit('echo "store on $CUDA_VISIBLE_DEVICES"; exec sleep 600', {
  targetWorker: worker.id,
  gpuIndices: [0, 1, 2, 3],
  exclusive: false,
  labels: { type: 'store' },
});
await store.waitRunning();
console.log(`store: ${store.gpuIndices}`);
console.log(`free: ${await freeGpus()}`);

const model = await pylet.submit('exec sleep 600', { gpu: 1 });
await model.waitRunning();
console.log(`model: ${model.gpuIndices}`);
console.log(`free: ${await freeGpus()}`);

for (const instance of [store, model]) {
  await instance.cancel();
  await instance.wait();
}

async function freeGpus(): Promise<string> {
  const now = (await pylet.workers()).find(({ id }) => id === worker?.id);
  return String(now?.gpuIndicesAvailable);
}
