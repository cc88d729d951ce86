/** Why a unit waits: each worker, each constraint that fails there, by how much. */
import type { Resources } from '@drover/core';
import type { Explanation, Failing } from '@drover/core/wire';
import type { Ledger } from './ledger.ts';
import { type Claims, respectsClaim, standingClaims } from './pass.ts';
import { countedOf, type Room } from './room.ts';
import { type Demand, goesBefore, type Unit } from './types.ts';

/** What is short, and in which unit. */
const LABELS = {
  cpu: ['CPU', ''],
  memoryMiB: ['memory', ' MiB'],
  diskMiB: ['disk', ' MiB'],
  ports: ['ports', ''],
} as const;

export interface Waiting {
  readonly neverFits: boolean;
  readonly workers: Explanation['workers'];
  readonly summary: { readonly code: string; readonly message: string };
}

/** @param claims as of {@link standingClaims}: one set serves many units. */
export function explainUnit(ledger: Ledger, unit: Unit, claims: Claims = standingClaims(ledger)): Waiting {
  const demand = unit.demands[0] as Demand;
  const workers = [...ledger.rooms.values()].map((room) => explainRoom(room, demand, unit, claims));
  const neverFits = !canEverHold(ledger, unit);
  return { neverFits, workers, summary: summarise(workers, neverFits, unit, demand) };
}

/** Whether the known workers could hold all of the unit at once, if they were empty. */
export function canEverHold(ledger: Ledger, unit: Unit): boolean {
  const nodes = unit.demands.filter((demand) => demand.isNode);
  const [node] = nodes;
  if (node) {
    const rooms = [...ledger.rooms.values()].filter((room) => room.couldEverFit(node));
    if (rooms.length < nodes.length) return false;
  }
  return unit.demands.every((each) => ledger.couldEverFit(each));
}

/** How many waiting units go before this one. */
export function positionOf(ledger: Ledger, unit: Unit): number {
  let position = 0;
  for (const queue of ledger.queues.values()) {
    for (const other of queue.units.values()) if (goesBefore(other, unit)) position += 1;
  }
  return position;
}

function explainRoom(room: Room, demand: Demand, unit: Unit, claims: Claims): Explanation['workers'][number] {
  const { capacity } = room;
  const failing: Failing[] = [];
  const add = (
    constraint: string,
    needed: number | string,
    free: number | string,
    total: number | string,
    message: string,
  ) => failing.push({ constraint, needed, free, total, message });
  if (demand.targetWorker !== null && demand.targetWorker !== capacity.worker) {
    add('targetWorker', demand.targetWorker, capacity.worker, capacity.worker, 'another worker is asked for');
  }
  if (demand.notOn?.includes(capacity.worker))
    add('notOn', 'another', capacity.worker, capacity.worker, 'another node of its cluster is there');
  if (demand.place !== capacity.place) {
    add(
      'place',
      demand.place,
      capacity.place,
      capacity.place,
      `is of ${capacity.place}, not of ${demand.place}`,
    );
  } else if (demand.isNode && !capacity.homes) {
    add('homes', 'true', 'false', 'false', 'its version keeps no homes for nodes of clusters');
  } else if (demand.types !== null && !demand.types.includes(capacity.type)) {
    add('type', demand.types.join(', '), capacity.type, capacity.type, `is a ${capacity.type}`);
  }
  if (capacity.status !== 'ONLINE') {
    add('status', 'ONLINE', capacity.status, capacity.status, `the worker is ${capacity.status}`);
  }
  if (capacity.paused !== null) add('paused', 'false', 'true', 'true', capacity.paused);
  explainGpus(room, demand, add);
  const counted = countedOf(demand);
  const free = atLeastNone(room.free);
  for (const key of ['cpu', 'memoryMiB', 'diskMiB', 'ports'] as const) {
    if (counted[key] <= free[key]) continue;
    const [label, unitName] = LABELS[key];
    const short = Math.round((counted[key] - free[key]) * 1000) / 1000;
    add(
      key,
      counted[key],
      free[key],
      capacity.total[key],
      `${label} short by ${short}${unitName} (needs ${counted[key]}, free ${free[key]} of ${capacity.total[key]})`,
    );
  }
  if (failing.length === 0 && !respectsClaim(room, demand, unit, claims)) {
    const claim = claims.get(capacity.worker);
    add('claimed', unit.id, claim?.unit.id ?? '', '', 'kept free for one that goes before it and needs more');
  }
  return {
    workerId: capacity.worker,
    host: capacity.host,
    status: capacity.status,
    fitsNow: failing.length === 0,
    fitsEmpty: room.couldEverFit(demand),
    failing,
  };
}

/** A worker that came back smaller may hold more than it has. */
const atLeastNone = (free: Resources): Resources => ({
  cpu: Math.max(0, free.cpu),
  memoryMiB: Math.max(0, free.memoryMiB),
  diskMiB: Math.max(0, free.diskMiB),
  gpus: free.gpus,
  ports: Math.max(0, free.ports),
});

function explainGpus(
  room: Room,
  demand: Demand,
  add: (
    constraint: string,
    needed: number | string,
    free: number | string,
    total: number | string,
    message: string,
  ) => void,
): void {
  const have = room.capacity.gpuIndices;
  if (demand.gpuIndices) {
    const missing = demand.gpuIndices.filter((index) => !have.includes(index));
    if (missing.length > 0)
      add(
        'gpuIndices',
        demand.gpuIndices.join(','),
        have.join(','),
        have.join(','),
        `has no GPU ${missing.join(', ')}`,
      );
    const held = demand.exclusive ? demand.gpuIndices.filter((index) => room.isExclusivelyHeld(index)) : [];
    if (held.length > 0)
      add(
        'gpuIndices',
        demand.gpuIndices.join(','),
        room.freeGpuIndices().join(','),
        have.join(','),
        `GPU ${held.join(', ')} is held by another`,
      );
    return;
  }
  const free = demand.exclusive ? room.freeGpuIndices().length : have.length;
  const { gpus } = demand.resources;
  if (gpus > free)
    add(
      'gpus',
      gpus,
      free,
      have.length,
      `GPUs short by ${gpus - free} (needs ${gpus}, free ${free} of ${have.length})`,
    );
}

function summarise(workers: Explanation['workers'], neverFits: boolean, unit: Unit, demand: Demand) {
  if (workers.length === 0) return { code: 'NO_WORKERS', message: 'no worker has joined' };
  if (unit.demands.length > 1 && !neverFits)
    return {
      code: 'WAITING_FOR_GANG',
      message: `waits for room for all ${unit.demands.length} members at once`,
    };
  const online = workers.filter((worker) => worker.status === 'ONLINE');
  if (demand.targetWorker !== null && !workers.some(({ workerId }) => workerId === demand.targetWorker))
    return {
      code: 'TARGET_WORKER_DELETED',
      message: `worker ${demand.targetWorker}, the only one that it may run on, was deleted; cancel it`,
    };
  if (neverFits) {
    const best = [...workers].sort((a, b) => a.failing.length - b.failing.length)[0];
    const why = best?.failing.map((each) => each.message).join('; ') ?? '';
    return {
      code: 'NEVER_FITS',
      message: `no known worker could ever hold it; nearest is ${best?.host ?? '?'}: ${why}`,
    };
  }
  if (demand.targetWorker !== null) {
    const target = workers.find((worker) => worker.workerId === demand.targetWorker);
    return {
      code: 'TARGET_WORKER_BUSY',
      message: `waits for worker ${demand.targetWorker}: ${target?.failing.map((each) => each.message).join('; ') ?? 'unknown'}`,
    };
  }
  if (online.length === 0)
    return { code: 'NO_WORKER_ONLINE', message: `none of ${workers.length} workers is ONLINE` };
  const near = [...online].sort((a, b) => a.failing.length - b.failing.length)[0];
  if (near?.fitsNow) return { code: 'BEING_PLACED', message: 'fits now and is about to be placed' };
  return {
    code: near?.failing[0]?.constraint === 'claimed' ? 'BEHIND_LARGER' : 'WAITING_FOR_RESOURCES',
    message: `does not fit on any of ${online.length} workers; nearest is ${near?.host ?? '?'}: ${near?.failing.map((each) => each.message).join('; ') ?? ''}`,
  };
}
