// The life of a cluster: jobs in its queue, stop and start with its files kept, autostop, and its end.
import { readFile } from 'node:fs/promises';
import * as sky from 'drover/sky';

const clusterName = 'my-cluster';
await sky.get(await sky.launch(new sky.Task('first', { run: 'echo kept > ~/kept' }), { clusterName }));
await sky.tailLogs(clusterName, 1, true, { outputStream: { write: () => undefined } });

// Only the working directory and the command; a job waits in the queue until the nodes have room.
const [jobId] = await sky.get(await sky.exec(new sky.Task('second', { run: 'sleep 600' }), { clusterName }));
const statuses = await sky.get(await sky.jobStatus(clusterName, { jobIds: [1, 99] }));
console.log(statuses);
await sky.get(await sky.cancel(clusterName, { jobIds: [jobId ?? 0] }));
console.log('cancelled:', await sky.tailLogs(clusterName, jobId, true, { tail: 1 }));
const queue = await sky.get(await sky.queue(clusterName));
console.log(queue.map(({ job_id, job_name, status }) => `${job_id} ${job_name} ${status}`));

await sky.get(await sky.stop(clusterName));
await sky.get(await sky.start(clusterName, { idleMinutesToAutostop: 30 }));
await sky.get(await sky.exec(new sky.Task('third', { run: 'cat ~/kept' }), { clusterName }));
await sky.tailLogs(clusterName, null, true);
const paths = await sky.downloadLogs(clusterName, [3]);
console.log('log:', await readFile(`${paths[3]}/node-0.log`, 'utf8'));

// The last setting counts; a negative number cancels it.
await sky.get(await sky.autostop(clusterName, 60, { down: true }));
const show = async () => {
  const [record] = await sky.get(await sky.status({ clusterNames: [clusterName], refresh: 'FORCE' }));
  console.log(record?.status, record?.autostop, record?.to_down);
};
await show();
await sky.get(await sky.autostop(clusterName, -1));
await show();

await sky.get(await sky.down(clusterName));
console.log('left:', await sky.get(await sky.status()));
