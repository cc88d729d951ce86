// What each node must have. Resources are never changed: copy makes others.
import * as sky from 'drover/sky';

// A place and a type of machine, or only what is needed there.
const exact = new sky.Resources({ cloud: 'pool', instanceType: 'any' });
console.log('launchable:', exact.isLaunchable, new sky.Resources({ accelerators: 'V100' }).isLaunchable);

// The same, said in three ways.
const same = ['V100', 'V100:1', { V100: 1 }].map((accelerators) => new sky.Resources({ accelerators }));
console.log('same:', new Set(same.map(({ choice }) => JSON.stringify(choice))).size);

const wish = new sky.Resources({ cpus: '2+', memory: '2+', accelerators: 'V100' });
const other = wish.copy({ memory: '4+', accelerators: null });
console.log('copied:', wish.memory, other.memory, other.cpus, other.accelerators);

const show = 'echo "GPUs: $CUDA_VISIBLE_DEVICES"';
const launched = async (clusterName: string, task: sky.Task): Promise<void> => {
  const [jobId] = await sky.get(await sky.launch(task, { clusterName }));
  await sky.tailLogs(clusterName, jobId, true);
  await sky.get(await sky.down(clusterName));
};

const four = new sky.Task('four', { run: show });
four.setResources(new sky.Resources({ cloud: 'pool', accelerators: 'V100:4' }));
await launched('four', four);

// A list is tried in its order, a set is searched for the best.
const h100 = new sky.Resources({ accelerators: 'H100:8' });
await launched('listed', new sky.Task('listed', { run: show }).setResources([h100, wish]));
await launched('best', new sky.Task('best', { run: show }).setResources(new Set([h100, wish])));

try {
  await sky.get(await sky.launch(new sky.Task('none').setResources(h100), { clusterName: 'none' }));
} catch (error) {
  if (!(error instanceof sky.ResourcesUnavailableError)) throw error;
  console.log('H100:8:', error.name, error.failoverHistory.length);
}
