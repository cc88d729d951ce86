/** Keeps the ledger in step with the rows, and runs a pass before each seal when one could place something. */
import { NO_RESOURCES } from '@drover/core';
import type { Reason } from '@drover/core/wire';
import { typeOfOffer } from '../infra/worker-types.ts';
import type { Ports } from '../ports.ts';
import type { ReservationRow, WorkerRow } from '../state/rows.ts';
import type { Change, State } from '../state/state.ts';
import type { Breaker } from '../workers/breaker.ts';
import { explainUnit, positionOf, type Waiting } from './explain.ts';
import { Ledger } from './ledger.ts';
import { type Claims, runPass, standingClaims } from './pass.ts';
import { type Demand, type Placement, shapeOf } from './types.ts';

/** Units placed in one turn; the rest follows in the next, so that a flood never blocks the loop for long. */
const PASS_BUDGET = 500;

export class Scheduler {
  readonly ledger = new Ledger();
  readonly #state: State;
  readonly #breaker: Breaker;
  /** Members that wait, by gang. */
  readonly #gangs = new Map<string, Map<string, ReservationRow>>();

  /** @param apply writes the placements; called within the seal. */
  constructor(
    state: State,
    breaker: Breaker,
    apply: (placements: readonly Placement[]) => void,
    { clock, meter }: Pick<Ports, 'clock' | 'meter'>,
  ) {
    this.#state = state;
    this.#breaker = breaker;
    breaker.onChange = (id) => {
      const row = state.tables.workers.get(id);
      if (row) this.#setWorker(row);
      state.wake();
    };
    state.onChange((change) => this.#observe(change));
    state.onSeal(() => {
      if (!this.ledger.dirty) return false;
      const beganMs = clock.monoMs();
      const placements = runPass(this.ledger, PASS_BUDGET);
      if (placements.length > 0) apply(placements);
      meter?.passed({ placed: placements.length, ms: clock.monoMs() - beganMs });
      // The budget is spent: the rest in a later turn.
      if (this.ledger.dirty) state.wakeLater();
      return placements.length > 0 && !this.ledger.dirty;
    });
  }

  /** Takes in what was loaded at the start. */
  load(): void {
    for (const row of this.#state.tables.workers.all()) this.#setWorker(row);
    for (const row of this.#state.tables.reservations.all()) this.#setReservation(row);
  }

  /**
   * Whether a pass has looked at it and found no room, and nothing has become free since.
   * False while a worker that could hold it may still turn up: one that is SUSPECT is neither here nor gone.
   */
  hasNoRoom(reservation: ReservationRow): boolean {
    const unit = this.ledger.unit(reservation.gang ?? reservation.id);
    if (!unit || this.ledger.dirty || !this.ledger.blocked.has(shapeOf(unit))) return false;
    for (const room of this.ledger.rooms.values()) {
      if (room.capacity.status === 'SUSPECT' && unit.demands.some((demand) => room.couldEverFit(demand)))
        return false;
    }
    return true;
  }

  /** Null when the reservation does not wait. */
  explain(reservation: ReservationRow): (Waiting & { position: number }) | null {
    const unit = this.ledger.unit(reservation.gang ?? reservation.id);
    return unit ? { ...explainUnit(this.ledger, unit), position: positionOf(this.ledger, unit) } : null;
  }

  /** Says why reservations wait, working each shape out once: for a list of thousands. */
  summariser(): (reservation: ReservationRow) => Reason | null {
    const known = new Map<string, Reason>();
    let claims: Claims | undefined;
    return (reservation) => {
      const unit = this.ledger.unit(reservation.gang ?? reservation.id);
      if (!unit) return null;
      const shape = shapeOf(unit);
      let summary = known.get(shape);
      if (!summary) {
        claims ??= standingClaims(this.ledger);
        summary = explainUnit(this.ledger, unit, claims).summary;
        known.set(shape, summary);
      }
      return summary;
    };
  }

  #observe(change: Change): void {
    if (change.collection === 'workers') {
      if (change.after) this.#setWorker(change.after as WorkerRow);
      else this.ledger.removeWorker(change.id);
    } else if (change.collection === 'reservations') {
      const before = change.before as ReservationRow | undefined;
      if (change.after) this.#setReservation(change.after as ReservationRow);
      else if (before) this.#drop(before);
    }
  }

  #setWorker(row: WorkerRow): void {
    this.ledger.setCapacity({
      worker: row.id,
      host: row.offer?.host ?? '?',
      // Nothing new goes to a machine that is about to stop.
      status: row.draining ? 'OFFLINE' : row.status,
      total: row.offer?.schedulable ?? NO_RESOURCES,
      gpuIndices: row.offer?.gpus.map((gpu) => gpu.index) ?? [],
      place: row.place,
      type: row.offer === null ? '?' : typeOfOffer(row.offer),
      homes: row.offer?.homes === true,
      paused: this.#breaker.why(row.id),
    });
  }

  #setReservation(row: ReservationRow): void {
    if (row.status === 'WAITING') {
      this.#wait(row);
    } else if (row.status === 'HELD' && row.workerId !== null) {
      this.#leaveQueue(row);
      const holding = {
        demand: demandOf(row),
        priority: row.priority,
        seq: row.seq,
        gpuIndices: row.gpuIndices,
      };
      this.ledger.hold(row.workerId, holding);
    } else {
      this.#drop(row);
    }
  }

  #wait(row: ReservationRow): void {
    this.ledger.release(row.id);
    if (row.gang === null) {
      this.ledger.enqueue({ id: row.id, priority: row.priority, seq: row.seq, demands: [demandOf(row)] });
      return;
    }
    const members = this.#gangs.get(row.gang) ?? new Map<string, ReservationRow>();
    members.set(row.id, row);
    this.#gangs.set(row.gang, members);
    this.#enqueueGang(row.gang, members);
  }

  #enqueueGang(gang: string, members: ReadonlyMap<string, ReservationRow>): void {
    const rows = [...members.values()];
    const seq = Math.min(...rows.map((row) => row.seq));
    const priority = Math.max(...rows.map((row) => row.priority));
    this.ledger.enqueue({ id: gang, priority, seq, demands: rows.map(demandOf) });
  }

  #leaveQueue(row: ReservationRow): void {
    if (row.gang === null) {
      this.ledger.dequeue(row.id);
      return;
    }
    const members = this.#gangs.get(row.gang);
    if (!members?.delete(row.id)) return;
    if (members.size === 0) {
      this.#gangs.delete(row.gang);
      this.ledger.dequeue(row.gang);
    } else {
      this.#enqueueGang(row.gang, members);
    }
  }

  #drop(row: ReservationRow): void {
    this.#leaveQueue(row);
    this.ledger.release(row.id);
  }
}

const demandOf = (row: ReservationRow): Demand => ({
  reservation: row.id,
  resources: row.resources,
  gpuIndices: row.requestedGpuIndices,
  exclusive: row.exclusive,
  targetWorker: row.targetWorker,
  place: row.place,
  types: row.types,
  isNode: row.isNode,
  notOn: row.notOn,
});
