// A herd of its own for a test: at the end of the scope all of it is gone.
import * as pylet from 'drover/pylet';

{
  await using cluster = await pylet.localCluster(2, { cpuPerWorker: 2 });
  console.log(`at ${new URL(cluster.address).hostname}, ${(await pylet.workers()).length} workers`);

  const sleepers = [
    await pylet.submit('sleep 10', { name: 'sleeper-1', cpu: 1 }),
    await pylet.submit('sleep 10', { name: 'sleeper-2', cpu: 1 }),
  ];
  for (const sleeper of sleepers) await sleeper.waitRunning();
  console.log(await pylet.instances({ status: 'RUNNING' }));
  for (const sleeper of sleepers) await sleeper.cancel();
}
console.log(`initialised: ${pylet.isInitialized()}`);
