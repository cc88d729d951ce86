/** Why nothing fits a choice, in one line: what comes nearest, and by how much it fails. */
import type { ResourcesSpec } from '@drover/core/wire';
import { amountText, isInfra, type Lack, lacksOf } from './fit.ts';
import type { MachineType } from './machine-type.ts';

const SHOWN = 3;

/** @param free of all `types`, those that are not excluded */
export function whyNothingFits(
  asked: ResourcesSpec,
  free: readonly MachineType[],
  types: readonly MachineType[],
  isShared: (infra: string) => boolean,
): string {
  const what = describeChoice(asked);
  if (types.length === 0) return `${what}: there are no machines`;
  if (free.length === 0) return `${what}: every machine is excluded or was tried`;
  const here = free.filter((type) => isInfra(asked.infra, type.infra));
  if (here.length === 0) {
    const infras = [...new Set(free.map(({ infra }) => infra))].sort();
    return `${what}: there is no infra ${asked.infra}; there are ${listed(infras)}`;
  }
  const judged = here.map((type) => ({ type, lacks: lacksOf(asked, type, isShared(type.infra)) }));
  if (asked.accelerators !== null && judged.every(({ lacks }) => lacksModel(lacks))) {
    const models = [
      ...new Set(here.flatMap(({ accelerators: a }) => (a === null ? [] : [`${a.name}:${a.count}`]))),
    ].sort();
    const there = models.length === 0 ? 'no machine has a GPU' : `there are ${listed(models)}`;
    return `${what}: no machine has ${asked.accelerators.name}; ${there}`;
  }
  judged.sort((a, b) => a.lacks.length - b.lacks.length || missing(a.lacks) - missing(b.lacks));
  const [nearest] = judged;
  if (nearest === undefined || nearest.lacks.length === 0) return `${what}: excluded`;
  const { type, lacks } = nearest;
  return `${what}: nearest is ${type.infra} ${type.type}: ${lacks.map(({ text }) => text).join('; ')}`;
}

const lacksModel = (lacks: readonly Lack[]): boolean =>
  lacks.some(({ field, part }) => field === 'accelerators' && part === 1);
const missing = (lacks: readonly Lack[]): number => lacks.reduce((sum, { part }) => sum + part, 0);

function listed(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return more > 0 ? `${names.slice(0, SHOWN).join(', ')} and ${more} more` : names.join(', ');
}

/** `H100:8, cpus 4+, memory 16 GiB, spot, infra fake/demo`; a choice that asks for nothing is a bare task. */
export function describeChoice(asked: ResourcesSpec): string {
  const { accelerators, cpus, memoryGiB } = asked;
  const place = [asked.infra ?? '*', asked.region, asked.zone].filter((part) => part !== null).join('/');
  const parts = [
    accelerators === null ? null : `${accelerators.name}:${accelerators.count}`,
    cpus === null ? null : `cpus ${amountText(cpus)}`,
    memoryGiB === null ? null : `memory ${amountText(memoryGiB)} GiB`,
    asked.instanceType,
    asked.diskSizeGiB === null ? null : `disk ${asked.diskSizeGiB} GiB`,
    asked.useSpot ? 'spot' : null,
    asked.imageId === null ? null : 'an image',
    place === '*' ? null : `infra ${place}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? 'a bare task' : parts.join(', ');
}
