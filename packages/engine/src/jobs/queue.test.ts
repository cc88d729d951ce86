import { resourcesChoice, taskSpec } from '@drover/core/wire';
import { expect, it } from 'vitest';
import type { ClusterRow } from '../clusters/row.ts';
import { demandOf } from './queue.ts';

const task = (...gpus: readonly [name: string, count: number][]) =>
  taskSpec.parse({
    run: 'true',
    resources: { mode: 'ordered', choices: gpus.map(([name, count]) => ({ accelerators: { name, count } })) },
  });

/** A cluster of one node with so many of that GPU. */
function clusterWith(accelerator: string, gpus: number): Pick<ClusterRow, 'candidate' | 'numNodes'> {
  const [resources] = resourcesChoice.parse({ choices: [{}] }).choices;
  if (resources === undefined) throw new Error('no choice');
  const machine = { infra: 'pool/default', type: 't', region: null, zone: null, cpus: 8, memoryMiB: 8192 };
  const perNode = { cpus: 8, memoryMiB: 8192, gpus, accelerator };
  const candidate = { machine, resources, spot: false, perNode, pricePerHour: 0, seconds: 0 };
  return { candidate: candidate as unknown as ClusterRow['candidate'], numNodes: 1 };
}

it('a job takes what the choice asks that its cluster satisfies', () => {
  const several = task(['H100', 8], ['V100', 2]);
  expect(demandOf(several, clusterWith('V100', 4))).toMatchObject({ gpus: 2 });
  expect(demandOf(several, clusterWith('H100', 8))).toMatchObject({ gpus: 8 });
  expect(demandOf(several)).toMatchObject({ gpus: 8 });
  expect(demandOf(taskSpec.parse({ run: 'true' }), clusterWith('V100', 4))).toEqual({ cpu: 0.5, gpus: 0 });
});
