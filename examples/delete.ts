// Records stay until they are deleted: one by one, or all of a status.
import * as pylet from 'drover/pylet';

await pylet.init();
const command = { done: 'true', failed: 'exit 3', running: 'exec sleep 600', last: 'exec sleep 600' };
for (const [name, text] of Object.entries(command)) await pylet.submit(text, { name });
await (await pylet.get('done')).wait();
await (await pylet.get('failed')).wait();

await pylet.delete('done');
try {
  await pylet.get('done');
} catch (error) {
  if (!(error instanceof pylet.NotFoundError)) throw error;
  console.log('done: not found');
}
console.log(`Deleted ${await pylet.deleteAll({ status: 'FAILED' })} failed instances`);

// What still runs is cancelled first; its record goes with its last process.
const running = await pylet.get('running');
await running.cancel(true);
console.log(`Deleted ${await pylet.deleteAll()} instances`);

try {
  await pylet.deleteWorker((await pylet.workers())[0]?.id ?? '');
} catch (error) {
  if (!(error instanceof pylet.ValueError)) throw error;
  console.log('a worker that is ONLINE cannot be deleted');
}
console.log(`Deleted ${await pylet.deleteAllOfflineWorkers()} offline workers`);
