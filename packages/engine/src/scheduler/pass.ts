/**
 * One pass: which waiting units go where, now. Pure over the ledger, which it leaves as if all its placements were
 * held.
 *
 * - Order is priority, then age.
 * - The oldest unit that does not fit claims the workers on which it will fit soonest. What goes after it may use
 *   these only as far as the claim would still fit once everything that went before it has ended: so it is never
 *   delayed by what it precedes. What no known worker could ever hold claims nothing.
 * - Best fit on GPUs, then memory against spread on CPU.
 */
import { addResources, fits, NO_RESOURCES, type Resources } from '@drover/core';
import { first, HeadQueue } from './head-queue.ts';
import type { Ledger, Queue } from './ledger.ts';
import { countedOf, type Room } from './room.ts';
import { type Demand, goesBefore, type Placement, type Unit } from './types.ts';

interface Claim {
  readonly unit: Unit;
  readonly need: Resources;
  readonly gpuIndices: ReadonlySet<number>;
}
export type Claims = Map<string, Claim>;

/** Places at most `budget` units. @returns the placements, gangs whole. */
export function runPass(ledger: Ledger, budget: number): Placement[] {
  const placements: Placement[] = [];
  const claims: Claims = new Map();
  ledger.dirty = false;
  const heads = new HeadQueue(ledger.queues.values());
  for (let queue = heads.take(); queue; queue = heads.take()) {
    const unit = first(queue);
    if (budget === 0) {
      ledger.dirty = true;
      break;
    }
    // What the last pass could not place, and nothing has become free since: it keeps its claim and is not tried again.
    const placed = ledger.blocked.has(queue.shape) ? null : placeUnit(ledger, unit, claims);
    if (placed === null) {
      ledger.blocked.add(queue.shape);
      claimFor(ledger, unit, claims);
      continue;
    }
    budget -= 1;
    placements.push(...placed);
    takeOut(ledger, queue, unit);
    if (queue.units.size > 0) heads.add(queue);
  }
  return placements;
}

/** The claims that stand now, for explaining. Changes nothing. */
export function standingClaims(ledger: Ledger): Claims {
  const claims: Claims = new Map();
  const heads = [...ledger.queues.values()].map(first).sort((a, b) => (goesBefore(a, b) ? -1 : 1));
  for (const unit of heads) claimFor(ledger, unit, claims);
  return claims;
}

/** Whether the claim on this worker leaves room for the demand of a unit that goes after it. */
export function respectsClaim(room: Room, demand: Demand, unit: Unit, claims: Claims): boolean {
  const claim = claims.get(room.capacity.worker);
  if (!claim || !goesBefore(claim.unit, unit)) return true;
  let sum = addResources(claim.need, countedOf(demand));
  for (const holding of room.holdings.values()) {
    if (goesBefore(claim.unit, holding)) sum = addResources(sum, countedOf(holding.demand));
  }
  if (!fits(sum, room.capacity.total)) return false;
  if (claim.gpuIndices.size === 0 || !demand.exclusive) return true;
  const chosen = room.tryFit(demand);
  return chosen !== null && !chosen.some((index) => claim.gpuIndices.has(index));
}

function takeOut(ledger: Ledger, queue: Queue, unit: Unit): void {
  const wasDirty = ledger.dirty;
  ledger.dequeue(unit.id);
  if (queue.units.size === 0) ledger.blocked.delete(queue.shape);
  ledger.dirty = wasDirty;
}

function placeUnit(ledger: Ledger, unit: Unit, claims: Claims): Placement[] | null {
  const placements: Placement[] = [];
  /** The workers of this unit so far. */
  const taken = new Set<string>();
  for (const demand of unit.demands) {
    const choice = choose(ledger, demand, unit, claims, taken);
    if (choice === null) {
      for (const placed of placements) ledger.takeBack(placed.reservation);
      return null;
    }
    const { room, gpuIndices } = choice;
    taken.add(room.capacity.worker);
    ledger.hold(room.capacity.worker, { demand, priority: unit.priority, seq: unit.seq, gpuIndices });
    placements.push({ reservation: demand.reservation, worker: room.capacity.worker, gpuIndices });
  }
  return placements;
}

function choose(ledger: Ledger, demand: Demand, unit: Unit, claims: Claims, taken: ReadonlySet<string>) {
  let best: { room: Room; gpuIndices: readonly number[]; score: readonly [number, number] } | null = null;
  const rooms =
    demand.targetWorker === null ? ledger.rooms.values() : [ledger.rooms.get(demand.targetWorker)];
  for (const room of rooms) {
    const gpuIndices = room?.tryFit(demand);
    if (!room || !gpuIndices || (demand.isNode && taken.has(room.capacity.worker))) continue;
    if (!respectsClaim(room, demand, unit, claims)) continue;
    const score = scoreOf(room, demand);
    if (!best || score[0] < best.score[0] || (score[0] === best.score[0] && score[1] < best.score[1])) {
      best = { room, gpuIndices, score };
    }
  }
  return best;
}

/** Lower is better: few GPUs left over; then little memory left over and much CPU, as fractions of the worker. */
function scoreOf(room: Room, demand: Demand): readonly [number, number] {
  const { total } = room.capacity;
  const counted = countedOf(demand);
  const gpusLeft = room.freeGpuIndices().length - counted.gpus;
  const memoryLeft =
    (total.memoryMiB - room.used.memoryMiB - counted.memoryMiB) / Math.max(1, total.memoryMiB);
  const cpuLeft = (total.cpu - room.used.cpu - counted.cpu) / Math.max(0.001, total.cpu);
  return [gpusLeft, memoryLeft - 2 * cpuLeft];
}

/** Claims workers for a unit that waits: those where the least has to end first. All of its demands or none. */
function claimFor(ledger: Ledger, unit: Unit, claims: Claims): void {
  if (claims.size === ledger.rooms.size) return;
  const chosen = new Map<string, { need: Resources; indices: Set<number> }>();
  for (const demand of unit.demands) {
    const room = roomToClaim(ledger, demand, claims, chosen);
    if (!room) return;
    const worker = room.capacity.worker;
    const sofar = chosen.get(worker) ?? { need: NO_RESOURCES, indices: new Set<number>() };
    for (const index of demand.gpuIndices ?? []) sofar.indices.add(index);
    chosen.set(worker, { need: addResources(sofar.need, countedOf(demand)), indices: sofar.indices });
  }
  for (const [worker, { need, indices }] of chosen) claims.set(worker, { unit, need, gpuIndices: indices });
}

function roomToClaim(
  ledger: Ledger,
  demand: Demand,
  claims: Claims,
  chosen: ReadonlyMap<string, { need: Resources }>,
): Room | null {
  let best: Room | null = null;
  let bestShortage = Number.POSITIVE_INFINITY;
  for (const room of ledger.rooms.values()) {
    const { worker, status } = room.capacity;
    if (status !== 'ONLINE' || claims.has(worker) || !room.couldEverFit(demand)) continue;
    if (demand.isNode && chosen.has(worker)) continue;
    const need = addResources(chosen.get(room.capacity.worker)?.need ?? NO_RESOURCES, countedOf(demand));
    if (!fits(need, room.capacity.total)) continue;
    const shortage = shortageOf(need, room);
    if (shortage < bestShortage) {
      best = room;
      bestShortage = shortage;
    }
  }
  return best;
}

/** How far the room is from holding the need, as a sum of fractions of what it has. */
function shortageOf(need: Resources, room: Room): number {
  const { total } = room.capacity;
  const free = room.free;
  const part = (wanted: number, left: number, all: number): number =>
    Math.max(0, wanted - left) / Math.max(1, all);
  return (
    part(need.gpus, free.gpus, total.gpus) * 4 +
    part(need.cpu, free.cpu, total.cpu) +
    part(need.memoryMiB, free.memoryMiB, total.memoryMiB) +
    part(need.diskMiB, free.diskMiB, total.diskMiB) +
    part(need.ports, free.ports, total.ports)
  );
}
