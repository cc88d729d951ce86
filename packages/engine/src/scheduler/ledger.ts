/**
 * All that is held and all that waits, kept up to date change by change, so that a pass costs what it places and not
 * what there is. It decides nothing.
 */
import { type Holding, Room } from './room.ts';
import { type Capacity, type Demand, shapeOf, type Unit } from './types.ts';

/** Waiting units of one shape, oldest first. */
export interface Queue {
  readonly shape: string;
  readonly priority: number;
  readonly units: Map<string, Unit>;
  /** The highest seq that ever stood here. */
  newest: number;
}

export class Ledger {
  readonly rooms = new Map<string, Room>();
  readonly queues = new Map<string, Queue>();
  readonly #shapes = new Map<string, string>();
  readonly #heldOn = new Map<string, string>();
  /** Shapes that the last full pass could not place; they stay so until `loosen`. */
  readonly blocked = new Set<string>();
  /** True when a pass could place something. */
  dirty = false;
  waiting = 0;

  setCapacity(capacity: Capacity): void {
    const room = this.rooms.get(capacity.worker);
    if (room) room.capacity = capacity;
    else this.rooms.set(capacity.worker, new Room(capacity));
    this.loosen();
  }

  removeWorker(worker: string): void {
    this.rooms.delete(worker);
    this.loosen();
  }

  /** Something became free, or the set of workers changed: what was blocked may fit now. */
  loosen(): void {
    this.blocked.clear();
    this.dirty = true;
  }

  enqueue(unit: Unit): void {
    this.dequeue(unit.id);
    const shape = shapeOf(unit);
    let queue = this.queues.get(shape);
    if (!queue) {
      queue = { shape, priority: unit.priority, units: new Map(), newest: 0 };
      this.queues.set(shape, queue);
    }
    queue.units.set(unit.id, unit);
    if (unit.seq < queue.newest) {
      // Only a unit that comes back is older than the newest: rare enough to sort anew.
      const sorted = [...queue.units].sort(([, a], [, b]) => a.seq - b.seq);
      queue.units.clear();
      for (const [id, each] of sorted) queue.units.set(id, each);
    }
    queue.newest = Math.max(queue.newest, unit.seq);
    this.#shapes.set(unit.id, shape);
    this.waiting += 1;
    if (!this.blocked.has(shape)) this.dirty = true;
  }

  dequeue(id: string): void {
    const shape = this.#shapes.get(id);
    if (shape === undefined) return;
    this.#shapes.delete(id);
    const queue = this.queues.get(shape);
    if (!queue?.units.delete(id)) return;
    this.waiting -= 1;
    if (queue.units.size === 0) this.queues.delete(shape);
    // The unit may have claimed a worker that others wait for.
    if (this.blocked.has(shape)) this.loosen();
  }

  hold(worker: string, holding: Holding): void {
    this.#heldOn.set(holding.demand.reservation, worker);
    this.rooms.get(worker)?.hold(holding);
  }

  release(reservation: string): void {
    if (this.takeBack(reservation)) this.loosen();
  }

  /** Undoes a hold of the same pass, which makes nothing free that was not free before. */
  takeBack(reservation: string): boolean {
    const worker = this.#heldOn.get(reservation);
    if (worker === undefined) return false;
    this.#heldOn.delete(reservation);
    this.rooms.get(worker)?.release(reservation);
    return true;
  }

  unit(id: string): Unit | undefined {
    const shape = this.#shapes.get(id);
    return shape === undefined ? undefined : this.queues.get(shape)?.units.get(id);
  }

  /** True when some known worker could hold the demand if it were empty. */
  couldEverFit(demand: Demand): boolean {
    for (const room of this.rooms.values()) if (room.couldEverFit(demand)) return true;
    return false;
  }
}
