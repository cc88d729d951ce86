// Several instances of one command: a loop. Found again by their labels.
import * as pylet from 'drover/pylet';

await pylet.init();

const instances: pylet.Instance[] = [];
for (let index = 0; index < 3; index += 1) {
  const options = { name: `worker-${index}`, labels: { group: 'loop' }, env: { INDEX: String(index) } };
  instances.push(await pylet.submit('echo "worker $INDEX"', options));
}
for (const instance of instances) await instance.wait();

const found = await pylet.instances({ status: 'COMPLETED', labels: { group: 'loop' } });
for (const instance of found.reverse()) {
  console.log(`${instance.name}: ${(await instance.logs()).trim()}`);
}
