/**
 * Where nodes come from: every machine type that fits one of the choices, best first. Pure.
 *
 * Whatever fits is a candidate. What is known to be out of stock comes last: whoever tries it finds out, and can tell
 * that from what could never do.
 */
import { gpuMatches } from '@drover/core';
import type { ResourcesChoice, ResourcesSpec } from '@drover/core/wire';
import type { Candidate } from './candidate.ts';
import { compareCandidates } from './compare.ts';
import { isInfra, lacksOf } from './fit.ts';
import type { MachineType } from './machine-type.ts';
import { isSharedInfra, shareOf } from './node-share.ts';
import { whyNothingFits } from './why-not.ts';

export type OptimizeTarget = 'cost' | 'time';

/** Machines that are not to be chosen: those of which everything that it says is true. Null says nothing. */
export interface Block {
  readonly infra?: string | null;
  readonly region?: string | null;
  readonly zone?: string | null;
  readonly type?: string | null;
  readonly accelerator?: string | null;
  readonly spot?: boolean | null;
}

/** One row of the table: the best candidate of an infra, its accelerators, and spot or not. */
export interface PlanRow {
  readonly candidate: Candidate;
  readonly inStock: boolean;
  readonly isChosen: boolean;
}

export interface Plan {
  /** Best first; empty: nothing that is known fits. */
  readonly candidates: readonly Candidate[];
  readonly rows: readonly PlanRow[];
  readonly target: OptimizeTarget;
  /** One line for each choice that nothing fits. */
  readonly whyNot: readonly string[];
  /** What is asked for, kept, and not enforced where this runs. */
  readonly notes: readonly string[];
}

/** What a machine takes until it is ready when its infra does not say. */
const START_SECONDS = { shared: 0, dedicated: 300 } as const;
const NOTHING_ASKED: ResourcesSpec = {
  infra: null,
  region: null,
  zone: null,
  instanceType: null,
  cpus: null,
  memoryGiB: null,
  accelerators: null,
  useSpot: false,
  diskSizeGiB: null,
  diskTier: null,
  networkTier: null,
  ports: [],
  labels: {},
  imageId: null,
  autostop: null,
  priority: null,
  jobRecovery: null,
};

/** A candidate with what decides its place. */
export interface Ranked {
  readonly candidate: Candidate;
  readonly inStock: boolean;
  /** The place of its choice. */
  readonly order: number;
}

/**
 * @param blocked never chosen: places that were tried, and those that the task excludes
 * @param isShared whether nodes take a part of the infra's machines
 */
export function plan(
  resources: ResourcesChoice | null,
  numNodes: number,
  types: readonly MachineType[],
  target: OptimizeTarget,
  blocked: readonly Block[] = [],
  isShared: (infra: string) => boolean = isSharedInfra,
): Plan {
  const choices = resources?.choices ?? [NOTHING_ASKED];
  const whyNot: string[] = [];
  // What is blocked depends on nothing else of a choice, so it is looked for twice at most.
  const freeBySpot = new Map<boolean, readonly MachineType[]>();
  const freeFor = (spot: boolean): readonly MachineType[] => {
    const free =
      freeBySpot.get(spot) ?? types.filter((type) => !blocked.some((block) => isBlocked(block, type, spot)));
    freeBySpot.set(spot, free);
    return free;
  };
  const ranked = choices.flatMap((asked, order) => {
    const free = freeFor(asked.useSpot);
    const fitting = free.filter((type) => lacksOf(asked, type, isShared(type.infra)).length === 0);
    if (fitting.length === 0) whyNot.push(whyNothingFits(asked, free, types, isShared));
    return fitting.map((machine): Ranked => {
      const alike = isShared(machine.infra) ? fitting.filter((type) => type.infra === machine.infra) : [];
      return { ...candidateOf(asked, machine, alike, numNodes, isShared(machine.infra)), order };
    });
  });
  const isOrdered = resources?.mode === 'ordered';
  ranked.sort((a, b) => compareCandidates(a, b, target, isOrdered));
  return {
    candidates: ranked.map(({ candidate }) => candidate),
    rows: rowsOf(ranked),
    target,
    whyNot,
    notes: notesOf(ranked[0]?.candidate ?? null),
  };
}

/** The machines that a task excludes, as {@link Block}s. One that says nothing excludes nothing. */
export function blocksOf(excluded: readonly ResourcesSpec[]): Block[] {
  return excluded
    .map(({ infra, region, zone, instanceType, accelerators, useSpot }) => ({
      infra,
      region,
      zone,
      type: instanceType,
      accelerator: accelerators?.name ?? null,
      spot: useSpot ? true : null,
    }))
    .filter((block) => Object.values(block).some((said) => said !== null));
}

function isBlocked(block: Block, type: MachineType, spot: boolean): boolean {
  const { accelerator } = block;
  return (
    isInfra(block.infra ?? null, type.infra) &&
    (block.region ?? type.region) === type.region &&
    (block.zone ?? type.zone) === type.zone &&
    (block.type ?? type.type) === type.type &&
    (block.spot ?? spot) === spot &&
    (accelerator == null || (type.accelerators !== null && gpuMatches(accelerator, type.accelerators.name)))
  );
}

function candidateOf(
  asked: ResourcesSpec,
  machine: MachineType,
  alike: readonly MachineType[],
  numNodes: number,
  isShared: boolean,
): { candidate: Candidate; inStock: boolean } {
  const stock = (types: readonly MachineType[]) =>
    types.reduce((sum, { available }) => sum + (available ?? Number.POSITIVE_INFINITY), 0);
  const isEnough = stock([machine]) >= numNodes;
  // Nodes of one task may stand on machines of several types, each with as much as the smallest can give.
  const together = !isEnough && stock(alike) >= numNodes;
  const share = together
    ? alike.map((type) => shareOf(asked, type, isShared)).reduce(smaller)
    : shareOf(asked, machine, isShared);
  const price = (asked.useSpot ? machine.spotPricePerHour : machine.pricePerHour) ?? 0;
  const usual = isShared ? START_SECONDS.shared : START_SECONDS.dedicated;
  return {
    candidate: {
      machine,
      resources: asked,
      spot: asked.useSpot,
      perNode: share,
      pricePerHour: price * numNodes,
      seconds: machine.startSeconds ?? usual,
      ...(together ? { types: [...new Set(alike.map(({ type }) => type))] } : {}),
    },
    inStock: isEnough || together,
  };
}

const smaller = (a: Candidate['perNode'], b: Candidate['perNode']): Candidate['perNode'] => ({
  ...a,
  cpus: Math.min(a.cpus, b.cpus),
  memoryMiB: Math.min(a.memoryMiB, b.memoryMiB),
});

/** The best of each infra, accelerators, and spot or not; the candidates are in order, so the first is the best. */
function rowsOf(ranked: readonly Ranked[]): PlanRow[] {
  const best = new Map<string, PlanRow>();
  for (const { candidate, inStock } of ranked) {
    const { machine, perNode, spot } = candidate;
    const key = `${machine.infra}|${perNode.accelerator}:${perNode.gpus}|${spot}`;
    if (!best.has(key)) best.set(key, { candidate, inStock, isChosen: best.size === 0 });
  }
  return [...best.values()];
}

function notesOf(chosen: Candidate | null): string[] {
  if (chosen === null) return [];
  const { resources, machine } = chosen;
  const disk =
    resources.diskSizeGiB !== null && machine.diskGiB == null ? `disk_size ${resources.diskSizeGiB}` : null;
  const tier =
    resources.diskTier === null || resources.diskTier === 'none' ? null : `disk_tier ${resources.diskTier}`;
  const network = resources.networkTier === null ? null : `network_tier ${resources.networkTier}`;
  return [disk, tier, network]
    .filter((wish) => wish !== null)
    .map((wish) => `${wish} is recorded; ${machine.infra} does not say what it has`);
}

export { consideredTable } from './considered-table.ts';
