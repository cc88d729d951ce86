/** Whether what a task asks for fits into a cluster that is there. Pure. */
import { gpuMatches } from '@drover/core';
import type { ResourcesChoice, ResourcesSpec } from '@drover/core/wire';
import type { ClusterRow } from './row.ts';

/** @returns null when it fits, else why not: for the choice that comes closest, in words. */
export function whyNoMatch(
  cluster: Pick<ClusterRow, 'candidate' | 'numNodes'>,
  resources: ResourcesChoice | null,
  numNodes: number,
): string | null {
  if (numNodes > cluster.numNodes) return `${numNodes} nodes are asked for, it has ${cluster.numNodes}`;
  const { candidate } = cluster;
  if (candidate === null || resources === null) return null;
  let nearest: string[] | null = null;
  for (const choice of resources.choices) {
    const lacks = lacking(candidate, choice);
    if (lacks.length === 0) return null;
    if (nearest === null || lacks.length < nearest.length) nearest = lacks;
  }
  return nearest?.join('; ') ?? null;
}

function lacking(candidate: NonNullable<ClusterRow['candidate']>, asked: ResourcesSpec): string[] {
  const { machine, perNode } = candidate;
  const lacks: string[] = [];
  if (asked.infra !== null && asked.infra !== machine.infra && asked.infra !== machine.infra.split('/')[0])
    lacks.push(`it is on ${machine.infra}, not on ${asked.infra}`);
  if (asked.region !== null && asked.region !== machine.region)
    lacks.push(`it is in region ${machine.region ?? '-'}, not ${asked.region}`);
  if (asked.zone !== null && asked.zone !== machine.zone)
    lacks.push(`it is in zone ${machine.zone ?? '-'}, not ${asked.zone}`);
  if (asked.instanceType !== null && asked.instanceType !== machine.type)
    lacks.push(`its nodes are ${machine.type}, not ${asked.instanceType}`);
  if (asked.cpus !== null && asked.cpus.amount > perNode.cpus)
    lacks.push(`${asked.cpus.amount} CPUs are asked for, a node has ${perNode.cpus}`);
  if (asked.memoryGiB !== null && asked.memoryGiB.amount * 1024 > perNode.memoryMiB)
    lacks.push(`${asked.memoryGiB.amount} GiB are asked for, a node has ${perNode.memoryMiB / 1024} GiB`);
  const { accelerators } = asked;
  if (accelerators !== null) {
    const same = perNode.accelerator !== null && gpuMatches(accelerators.name, perNode.accelerator);
    if (!same || accelerators.count > perNode.gpus)
      lacks.push(
        `${accelerators.name}:${accelerators.count} is asked for, a node has ${perNode.accelerator === null ? 'no GPU' : `${perNode.accelerator}:${perNode.gpus}`}`,
      );
  }
  if (asked.useSpot && !candidate.spot) lacks.push('spot is asked for, it is on demand');
  return lacks;
}
