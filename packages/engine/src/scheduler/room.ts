/** One worker with what is held on it, and whether a demand fits there. */
import { addResources, fits, NO_RESOURCES, type Resources, subtractResources } from '@drover/core';
import type { Capacity, Demand } from './types.ts';

export interface Holding {
  readonly demand: Demand;
  readonly priority: number;
  readonly seq: number;
  readonly gpuIndices: readonly number[];
}

export class Room {
  capacity: Capacity;
  readonly holdings = new Map<string, Holding>();
  used: Resources = NO_RESOURCES;
  /** Indices held exclusively, each with the reservations that hold it (more than one only after a restore). */
  readonly #exclusive = new Map<number, number>();

  constructor(capacity: Capacity) {
    this.capacity = capacity;
  }

  get free(): Resources {
    const free = subtractResources(this.capacity.total, this.used);
    return { ...free, gpus: this.freeGpuIndices().length };
  }

  hold(holding: Holding): void {
    this.release(holding.demand.reservation);
    this.holdings.set(holding.demand.reservation, holding);
    this.used = addResources(this.used, countedOf(holding.demand));
    if (!holding.demand.exclusive) return;
    for (const index of holding.gpuIndices) this.#exclusive.set(index, (this.#exclusive.get(index) ?? 0) + 1);
  }

  release(reservation: string): void {
    const holding = this.holdings.get(reservation);
    if (!holding) return;
    this.holdings.delete(reservation);
    this.used = subtractResources(this.used, countedOf(holding.demand));
    if (!holding.demand.exclusive) return;
    for (const index of holding.gpuIndices) {
      const holders = (this.#exclusive.get(index) ?? 1) - 1;
      if (holders === 0) this.#exclusive.delete(index);
      else this.#exclusive.set(index, holders);
    }
  }

  isExclusivelyHeld(index: number): boolean {
    return this.#exclusive.has(index);
  }

  freeGpuIndices(): number[] {
    return this.capacity.gpuIndices.filter((index) => !this.#exclusive.has(index));
  }

  /** @returns the GPU indices that the demand would get here now, or null when it does not fit. */
  tryFit(demand: Demand): readonly number[] | null {
    if (this.capacity.status !== 'ONLINE' || this.capacity.paused !== null) return null;
    if (!this.isMeant(demand)) return null;
    const indices = this.#chooseGpus(demand);
    if (indices === null) return null;
    const room = subtractResources(this.capacity.total, this.used);
    return fits(countedOf(demand), { ...room, gpus: Number.POSITIVE_INFINITY }) ? indices : null;
  }

  /** Whether it is one of the workers that the demand may have at all. */
  isMeant(demand: Demand): boolean {
    const { worker, place, type, homes } = this.capacity;
    if (demand.targetWorker !== null && demand.targetWorker !== worker) return false;
    if (demand.place !== place || (demand.isNode && !homes) || demand.notOn?.includes(worker)) return false;
    return demand.types === null || demand.types.includes(type);
  }

  /** Exclusive: the lowest free ones. Shared: the lowest ones, held or not. Exact: those, free unless shared. */
  #chooseGpus(demand: Demand): readonly number[] | null {
    const { gpus } = demand.resources;
    if (demand.gpuIndices) {
      const exist = demand.gpuIndices.every((index) => this.capacity.gpuIndices.includes(index));
      if (!exist) return null;
      if (demand.exclusive && demand.gpuIndices.some((index) => this.#exclusive.has(index))) return null;
      return [...demand.gpuIndices].sort((a, b) => a - b);
    }
    if (gpus === 0) return [];
    const from = demand.exclusive ? this.freeGpuIndices() : this.capacity.gpuIndices;
    return from.length >= gpus ? from.slice(0, gpus) : null;
  }

  /** Whether the demand would fit if nothing at all were held here. Status is not looked at. */
  couldEverFit(demand: Demand): boolean {
    if (!this.isMeant(demand)) return false;
    if (demand.gpuIndices && !demand.gpuIndices.every((index) => this.capacity.gpuIndices.includes(index)))
      return false;
    if (demand.resources.gpus > this.capacity.gpuIndices.length) return false;
    return fits(countedOf(demand), { ...this.capacity.total, gpus: Number.POSITIVE_INFINITY });
  }
}

/** What a demand takes from the counted dimensions. GPUs are counted only when they are held exclusively. */
export const countedOf = (demand: Demand): Resources =>
  demand.exclusive ? demand.resources : { ...demand.resources, gpus: 0 };
