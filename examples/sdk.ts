// The SDK of Drover itself: a herd for this scope, a submission, its log as it is written, and why something waits.
import { isDroverError } from 'drover';
import { localCluster } from 'drover/local';

await using cluster = await localCluster({ workers: 1, cpusPerWorker: 2 });
const { instances, workers } = cluster.client;
console.log(`${(await workers.list()).length} worker`);

const { id } = await instances.submit({
  command: 'for n in 1 2 3; do echo "step $n"; sleep 0.2; done',
  name: 'steps',
  resources: { cpu: 1, memoryMiB: 128 },
});
const decoder = new TextDecoder();
for await (const chunk of instances.followLogs(id))
  process.stdout.write(decoder.decode(chunk, { stream: true }));
const { status, exitCode } = await instances.wait('steps');
console.log({ status, exitCode });

const huge = await instances.submit({ command: 'true', resources: { cpu: 99 } });
const { neverFits, reason } = await instances.explain(huge.id);
console.log({ neverFits, code: reason?.code });

try {
  await instances.get('nobody');
} catch (error) {
  if (!isDroverError(error)) throw error;
  console.log(error.code);
}
