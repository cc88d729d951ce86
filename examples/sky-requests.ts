// Requests: every call is one. Whoever knows the id waits for it, streams it or cancels it; errors come out of get.
import * as sky from 'drover/sky';

const slow = new sky.Task('slow', { setup: 'echo preparing; sleep 600' });
const ids = [await sky.launch(slow, { clusterName: 'one' }), await sky.launch(slow, { clusterName: 'two' })];
for (const { name, cluster_name, user_name } of await sky.apiStatus())
  console.log(name, cluster_name, user_name);

// The beginning of an id is enough.
const cancelled = await sky.get(await sky.apiCancel({ requestIds: ids.map((id) => id.slice(0, 8)) }));
console.log('cancelled:', cancelled.length);
for (const id of [...ids, await sky.stop('nobody')]) {
  try {
    await sky.streamAndGet(id, { tail: 1, outputStream: { write: () => undefined } });
  } catch (error) {
    if (!(error instanceof sky.SkyError)) throw error;
    console.log(error.name);
  }
}
const ended = await sky.apiStatus({ allStatus: true });
console.log(ended.map(({ name, status }) => `${name} ${status}`).sort());
for (const { name } of await sky.get(await sky.status())) await sky.get(await sky.down(name));
