/** `npm run demo -- cluster`: two ssh hosts in network namespaces, a two-node task, `exec` twice, autostop, down. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './harness/shell.ts';
import { SshHerd } from './harness/ssh-herd.ts';

const step = (text: string): void => console.log(`\n\u001b[1m${text}\u001b[0m`);
const ssh = await SshHerd.open(1, ['north', 'south']);

/** Runs one command of the CLI as a person would, and shows it. */
async function show(...args: string[]): Promise<void> {
  console.log(
    `\u001b[2m$ drover ${args.map((each) => (/[\s$;&|]/.test(each) ? `'${each}'` : each)).join(' ')}\u001b[0m`,
  );
  const code = await ssh.show(...args);
  if (code !== 0) throw new Error(`drover ${args[0]} left with ${code}`);
}

let failure: unknown = null;
try {
  const begun = performance.now();
  mkdirSync(join(ssh.folder, 'project'));
  writeFileSync(
    join(ssh.folder, 'project/train.sh'),
    'echo "node $DROVER_NODE_RANK of $DROVER_NUM_NODES trains in $PWD"\n',
  );
  writeFileSync(
    join(ssh.folder, 'train.yaml'),
    [
      'name: train',
      'num_nodes: 2',
      'workdir: ./project',
      'setup: echo "prepared on $(hostname)" > ~/prepared',
      'run: sh train.sh',
      '',
    ].join('\n'),
  );
  step('Two hosts with nothing but sshd, and a task for two nodes');
  await show('launch', '-y', '-c', 'train', '--infra', 'ssh/lab', 'train.yaml');
  console.log(`from nothing to the end of the task: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  step('More work on the same nodes');
  await show('exec', 'train', 'cat ~/prepared');
  await show('exec', 'train', '--num-nodes', '2', 'echo "rank $DROVER_NODE_RANK at $(date +%T)"');
  await show('job', 'list', 'train');
  step('It stops by itself when it is idle');
  await show('cluster', 'autostop', 'train', '-i', '0.05');
  await until(
    'it is stopped',
    async () => (await ssh.herd.client().clusters.get('train')).status === 'STOPPED',
    20_000,
  );
  await show('status');
  step('And goes, with all that it left');
  await show('cluster', 'down', '-y', 'train');
  await show('cost-report');
} catch (error) {
  failure = error;
}
await ssh.close();
if (failure !== null) {
  console.error(`demo: ${failure instanceof Error ? failure.message : String(failure)}`);
  process.exit(1);
}
console.log('\nnothing is left. Next: docs/clusters.md');
