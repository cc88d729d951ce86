// Launch a task on a cluster, stream what the launch says, follow the job. The launch goes on without this process.
import * as sky from 'drover/sky';

const task = new sky.Task('hello', {
  setup: 'echo prepared',
  run: 'echo hello Drover',
  resources: new sky.Resources({ cloud: 'pool', cpus: '1+', memory: '1+' }),
});

// Gives the id of a request at once.
const requestId = await sky.launch(task, { clusterName: 'my-cluster' });
// Any process that knows the id, or its beginning, can stream it, wait for it, or cancel it.
const [jobId, handle] = await sky.streamAndGet(requestId);
console.log({ jobId, nodes: handle?.nodes.length });
// Follows the job; this is no request.
const exitCode = await sky.tailLogs('my-cluster', jobId, true);
console.log({ exitCode });

await sky.get(await sky.down('my-cluster'));
