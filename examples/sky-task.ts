// Tasks: a folder that is sent along, setters that are chained, files, a command for each node.
import { mkdir, writeFile } from 'node:fs/promises';
import * as sky from 'drover/sky';

await mkdir('project', { recursive: true });
await mkdir('cnn-cifar10', { recursive: true });
await writeFile('project/requirements.txt', 'nothing\n');
await writeFile('project/train.sh', 'echo trained with $(cat installed) at rate $RATE\n');
await writeFile('cnn-cifar10/data', 'data\n');
await writeFile('dotfile', 'setting\n');

const run = async (task: sky.Task, clusterName = 'tasks'): Promise<void> => {
  const [jobId] = await sky.get(await sky.launch(task, { clusterName }));
  if (jobId !== null) await sky.tailLogs(clusterName, jobId, true);
};

// Sends the folder project, which holds requirements.txt and train.sh; setup and run begin in a copy of it.
await run(
  new sky.Task('train', {
    setup: 'cp requirements.txt installed',
    run: 'sh train.sh',
    workdir: 'project',
    envs: { RATE: '0.1' },
    numNodes: 1,
  }).setResources(new sky.Resources({ cpus: '1+' })),
);

// Setters return the task.
const task = new sky.Task('files', { run: 'cat ~/.dotfile ~/data/data' })
  .setResources(new sky.Resources({ cpus: '1+' }))
  .setFileMounts({ '~/.dotfile': 'dotfile' })
  .updateFileMounts({ '~/data': 'cnn-cifar10' });
await run(task);

// Without a command the nodes are only made. With a function there is one command for each of them, or none.
await run(new sky.Task('nodes', { numNodes: 2 }), 'two');
await run(
  new sky.Task('ranks', {
    numNodes: 2,
    run: (rank, addresses) => (rank === 0 ? null : `echo rank ${rank} of ${addresses.length}`),
  }),
  'two',
);

await writeFile('task.yaml', 'name: from-yaml\nresources:\n  cpus: 1+\nrun: echo read from a file\n');
await run(await sky.Task.fromYaml('task.yaml'));
for (const bad of [
  () => task.setFileMounts({ '~/data/': 'cnn-cifar10' }),
  () => task.setStorageMounts({ '~/imagenet': 'my-bucket' }),
]) {
  try {
    bad();
  } catch (error) {
    if (!(error instanceof sky.ValueError)) throw error;
    console.log('refused:', error.details.field);
  }
}

for (const name of ['tasks', 'two']) await sky.get(await sky.down(name));
