/** What people do with instances: submit, cancel, forget, delete. Each is one transaction. */
import { DroverError, invalid, isFinal, isJobFinal, type ReservationId } from '@drover/core';
import type { InstanceSubmit } from '@drover/core/wire';
import type { Actor } from '../actor.ts';
import { recordInstance } from '../events/record.ts';
import type { JobRow } from '../jobs/row.ts';
import { originOf } from '../origin.ts';
import type { Ports } from '../ports.ts';
import type { ProjectService } from '../projects/service.ts';
import type { InstanceRow, InstanceSpec } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import { createInstance } from './create.ts';
import { bury } from './departure.ts';
import { Idempotency } from './idempotency.ts';
import { giveUpIn, replaceIn } from './lost.ts';
import { moveInstance, releaseReservation } from './move.ts';
import { putReservation, specOf } from './spec.ts';

export interface SubmitOptions {
  readonly idempotencyKey?: string | undefined;
  readonly accounting?: 'strict' | 'lenient';
  /** live: unique among those that have not ended. stored: among all that are kept. */
  readonly nameScope?: 'live' | 'stored';
}

export class InstanceService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #projects: ProjectService;
  readonly idempotency: Idempotency;

  constructor(state: State, ports: Ports, projects: ProjectService) {
    this.#state = state;
    this.#ports = ports;
    this.#projects = projects;
    this.idempotency = new Idempotency(state, ports);
  }

  /** @throws {DroverError} NAME_TAKEN, WORKER_NOT_FOUND, TARGET_WORKER_NOT_ONLINE, INVALID_REQUEST, IDEMPOTENCY_CONFLICT, QUOTA_EXCEEDED, STORE_FULL */
  submit(actor: Actor, input: InstanceSubmit, options: SubmitOptions = {}): InstanceRow {
    this.#state.assertWritable();
    const key = options.idempotencyKey;
    const spec = specOf(input, options.accounting ?? 'strict');
    return this.#state.transact(actor, (tx) => {
      const earlier = key === undefined ? null : this.idempotency.replay(tx, actor, key, input);
      if (earlier) return earlier;
      this.#projects.assertRoom(actor.project, { instances: 1, gpus: spec.resources.gpus, logs: true });
      this.#checkTarget(tx, input, spec);
      const name = input.name ?? null;
      if (name !== null) this.#checkName(tx, actor, name, options.nameScope ?? 'live');
      const row = createInstance(tx, this.#ports, {
        project: actor.project,
        name,
        owner: null,
        spec,
        submittedBy: actor.name,
        origin: originOf(actor),
      });
      putReservation(tx, row, this.#ports.random.uuid() as ReservationId);
      if (key !== undefined) this.idempotency.remember(tx, actor, key, input, row.id);
      return row;
    });
  }

  #checkTarget(tx: Transaction, input: InstanceSubmit, spec: InstanceSpec): void {
    if (spec.targetWorker === null) return;
    const worker = tx.get('workers', spec.targetWorker);
    if (!worker) throw new DroverError('WORKER_NOT_FOUND', { ref: spec.targetWorker });
    if (worker.status !== 'ONLINE')
      throw new DroverError('TARGET_WORKER_NOT_ONLINE', { ref: worker.id, status: worker.status });
    const have = worker.offer?.gpus.map((gpu) => gpu.index) ?? [];
    const missing = input.gpuIndices?.filter((index) => !have.includes(index)) ?? [];
    if (missing.length > 0)
      throw invalid(
        'gpuIndices',
        `worker ${worker.id} has ${have.length === 0 ? 'no GPUs' : `GPUs ${have.join(', ')}`}`,
        missing.join(','),
      );
  }

  #checkName(tx: Transaction, actor: Actor, name: string, scope: 'live' | 'stored'): void {
    const holder = tx
      .named('instances', actor.project, name)
      .find((row) => (scope === 'stored' ? row.deleting === null : !isFinal(row.status)));
    if (holder) throw new DroverError('NAME_TAKEN', { name, ref: holder.id });
  }

  /**
   * Asks for the end. What still waits ends at once. Asking again is no error; a shorter grace period then counts.
   * @throws {DroverError} ALREADY_FINAL, STORE_FULL
   */
  cancel(actor: Actor, id: string, graceMs?: number): InstanceRow {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      const row = mustGet(tx, id);
      if (isFinal(row.status))
        throw new DroverError('ALREADY_FINAL', { ref: row.name ?? row.id, status: row.status });
      assertFree(tx, row);
      return this.#cancelIn(tx, actor, row, graceMs);
    });
  }

  #cancelIn(tx: Transaction, actor: Actor, row: InstanceRow, graceMs?: number): InstanceRow {
    const now = this.#ports.clock.wallMs();
    if (row.status === 'PENDING') {
      releaseReservation(tx, row.id);
      return moveInstance(tx, row, 'cancel', now, {
        cancel: { atMs: now, by: actor.name, graceMs: 0 },
        reason: {
          code: 'CANCELLED',
          message: `cancelled by ${actor.name} before it was placed${row.attempt === 0 ? '' : ' again'}`,
        },
      });
    }
    // Nobody is known who could stop it, should it run anywhere: whoever returns with it is told to.
    if (row.status === 'UNKNOWN' && row.workerId === null) {
      const cancel = { atMs: now, by: actor.name, graceMs: graceMs ?? row.spec.graceMs };
      const reason = { code: 'CANCELLED', message: `cancelled by ${actor.name}` };
      return moveInstance(tx, row, 'cancel', now, { cancel, reason, released: true });
    }
    if (row.cancel && (graceMs === undefined || graceMs >= row.cancel.graceMs)) return row;
    const cancel = {
      atMs: row.cancel?.atMs ?? now,
      by: row.cancel?.by ?? actor.name,
      graceMs: graceMs ?? row.spec.graceMs,
    };
    const next: InstanceRow = { ...row, cancel };
    tx.put('instances', next);
    if (!row.cancel) recordInstance(tx, 'requestCancel', row, next);
    return next;
  }

  /**
   * Gives up on an instance whose worker is away: FAILED, or CANCELLED when a cancel was under way. Should the worker
   * return with it, it is stopped there.
   * @throws {DroverError} NOT_UNKNOWN, STORE_FULL
   */
  forget(actor: Actor, id: string): InstanceRow {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      const row = mustGet(tx, id);
      if (row.status !== 'UNKNOWN')
        throw new DroverError('NOT_UNKNOWN', { ref: row.name ?? row.id, status: row.status });
      assertFree(tx, row);
      return giveUpIn(tx, row, this.#ports.clock.wallMs(), {
        code: 'FORGOTTEN',
        message: `given up by ${actor.name} while its worker was away`,
      });
    });
  }

  /**
   * Runs an UNKNOWN instance again as a new attempt. Should its worker return with the older one, that is stopped there.
   * @throws {DroverError} NOT_UNKNOWN, BEING_CANCELLED, STORE_FULL
   */
  replace(actor: Actor, id: string): InstanceRow {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      const row = mustGet(tx, id);
      const ref = row.name ?? row.id;
      if (row.status !== 'UNKNOWN') throw new DroverError('NOT_UNKNOWN', { ref, status: row.status });
      if (row.cancel) throw new DroverError('BEING_CANCELLED', { ref });
      assertFree(tx, row);
      return replaceIn(tx, this.#ports, row, {
        code: 'REPLACED',
        message: `attempt ${row.attempt} was replaced by ${actor.name} while nobody could say how it stood`,
      });
    });
  }

  /**
   * Deletes the record; what has not ended is cancelled first, and its record goes with its last process.
   * @returns true when the record is gone already. @throws {DroverError} STORE_FULL
   */
  delete(actor: Actor, id: string): boolean {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      const row = mustGet(tx, id);
      assertFree(tx, row);
      return this.#deleteIn(tx, actor, row);
    });
  }

  /** Deletes all of these that still exist, as one transaction. @returns how many were deleted or are going. */
  deleteMany(actor: Actor, ids: readonly string[]): number {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      let count = 0;
      for (const id of ids) {
        const row = tx.get('instances', id);
        if (!row || row.deleting || isOwned(tx, row)) continue;
        this.#deleteIn(tx, actor, row);
        count += 1;
      }
      return count;
    });
  }

  #deleteIn(tx: Transaction, actor: Actor, row: InstanceRow): boolean {
    const now = this.#ports.clock.wallMs();
    const ended = isFinal(row.status) ? row : this.#cancelIn(tx, actor, row);
    if (isFinal(ended.status) && ended.released) {
      removeRow(tx, ended, now);
      return true;
    }
    tx.put('instances', { ...ended, deleting: ended.deleting ?? { atMs: now, by: actor.name } });
    if (ended.deleting === null) recordInstance(tx, 'deleteLater', ended, ended);
    return false;
  }
}

/** Removes a final, released record. */
export function removeRow(tx: Transaction, row: InstanceRow, nowMs: number): void {
  tx.delete('instances', row.id);
  bury(tx, row, nowMs);
  tx.event({
    noun: 'instances',
    subject: row.id,
    name: row.name,
    type: 'delete',
    from: row.status,
    to: null,
  });
}

/** Whether it is changed through what made it: while it lives, and while its job does, which is judged by all of them. */
function isOwned(tx: Transaction, row: InstanceRow): boolean {
  if (row.owner === null) return false;
  const job = jobOf(tx, row);
  return !isFinal(row.status) || (job !== undefined && !isJobFinal(job.status));
}

function jobOf(tx: Transaction, { owner }: InstanceRow): JobRow | undefined {
  const [noun, id = ''] = owner?.split('/') ?? [];
  return noun === 'jobs' ? tx.get('jobs', id) : undefined;
}

/** @throws {DroverError} OWNED */
function assertFree(tx: Transaction, row: InstanceRow): void {
  if (!isOwned(tx, row)) return;
  const job = jobOf(tx, row);
  const cluster = tx.get('clusters', (job?.owner ?? row.owner ?? '').replace(/^clusters\//, ''));
  if (!cluster) return;
  const owner =
    job?.number == null ? `cluster ${cluster.name}` : `job ${job.number} of cluster ${cluster.name}`;
  const rule =
    job?.number == null
      ? `"drover cluster down ${cluster.name}"`
      : `"drover job cancel ${cluster.name} ${job.number}"`;
  throw new DroverError('OWNED', { ref: row.id, owner, rule });
}

function mustGet(tx: Transaction, id: string): InstanceRow {
  const row = tx.get('instances', id);
  if (!row) throw new DroverError('INSTANCE_NOT_FOUND', { ref: id });
  return row;
}
