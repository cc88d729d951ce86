/** Workers as people and programs deal with them: join, authenticate, list, delete. They belong to the herd, and work for all projects. */
import { DroverError, isFinal, isUuid, type WorkerId, type WorkerStatus } from '@drover/core';
import type { JoinBody, Reason } from '@drover/core/wire';
import { type Actor, DEFAULT_PROJECT, SYSTEM } from '../actor.ts';
import { recordWorker } from '../events/record.ts';
import { buryOn } from '../instances/departure.ts';
import type { InstancesByWorker } from '../instances/index-by-worker.ts';
import { giveUpIn, isOfOlderState, replaceIn } from '../instances/lost.ts';
import { moveInstance, releaseReservation } from '../instances/move.ts';
import type { Ports } from '../ports.ts';
import type { JoinTokenRow, WorkerRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import { Identities, type IssuedIdentity } from './identities.ts';
import type { Links } from './links.ts';
import { giveUpWorker, moveWorker } from './move.ts';

export class WorkerService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #links: Links;
  readonly #byWorker: InstancesByWorker;
  readonly identities: Identities;
  readonly #waiters = new Set<() => void>();

  constructor(state: State, ports: Ports, links: Links, byWorker: InstancesByWorker) {
    this.#state = state;
    this.#ports = ports;
    this.#links = links;
    this.#byWorker = byWorker;
    this.identities = new Identities(state, ports);
    state.subscribe(({ changes }) => {
      if (changes.some((change) => change.collection === 'workers'))
        for (const wake of [...this.#waiters]) wake();
    });
  }

  /**
   * Exchanges a join token for an identity. The worker chose its id: joining again with the same id and token replaces
   * the identity of a worker that has never been connected, so a join whose answer was lost can be repeated. One whose
   * identity has expired joins again as itself, when it still has that.
   * @throws {DroverError} WORKER_IDENTITY_IN_USE, STORE_FULL
   */
  join(actor: Actor, token: JoinTokenRow, body: JoinBody): IssuedIdentity & { readonly workerId: string } {
    this.#state.assertWritable();
    const now = this.#ports.clock.wallMs();
    const issued = this.#state.transact(actor, (tx) => {
      const existing = tx.get('workers', body.workerId);
      const comesBack = body.identity != null && this.identities.isExpired(body.workerId, body.identity);
      // Its own token again, or another of its own machine: the answer was lost. With any other it would be somebody else's.
      const isItsOwn =
        existing?.joinToken === token.id || (token.machine !== null && existing?.machine === token.machine);
      const isRepeated = existing?.offer === null && isItsOwn;
      if (existing && !isRepeated && !(comesBack && existing.place === token.place))
        throw new DroverError('WORKER_IDENTITY_IN_USE', { ref: body.workerId });
      if (tx.get('identities', body.workerId)?.status === 'REVOKED')
        throw new DroverError(
          'FORBIDDEN',
          {},
          { message: `the identity of worker ${body.workerId} was revoked` },
        );
      if (token.machine !== null) this.#joinMachine(tx, token.machine, body.workerId as WorkerId);
      if (!existing) this.#putWorker(tx, token, body, now);
      if (!existing || comesBack)
        tx.put('joinTokens', { ...token, used: (tx.get('joinTokens', token.id)?.used ?? 0) + 1 });
      return this.identities.issueIn(tx, body.workerId as WorkerId);
    });
    return { workerId: body.workerId, ...issued };
  }

  /** The first worker that joins for a machine is its worker. @throws {DroverError} JOIN_TOKEN_INVALID for any other */
  #joinMachine(tx: Transaction, machineId: string, workerId: WorkerId): void {
    const machine = tx.get('machines', machineId);
    const isAwaited =
      machine?.status === 'CREATING' || machine?.status === 'JOINING' || machine?.workerId === workerId;
    if (machine && isAwaited && (machine.workerId === null || machine.workerId === workerId)) {
      if (machine.workerId === null) tx.put('machines', { ...machine, workerId });
      return;
    }
    this.#ports.log.warn(
      { machine: machineId, tag: machine?.tag, status: machine?.status ?? null, worker: workerId },
      'a second worker wants to join with the token of one machine; it is refused',
    );
    throw new DroverError('JOIN_TOKEN_INVALID');
  }

  #putWorker(tx: Transaction, token: JoinTokenRow, body: JoinBody, now: number): void {
    tx.put('workers', {
      id: body.workerId as WorkerId,
      project: DEFAULT_PROJECT,
      name: body.name ?? null,
      status: 'OFFLINE',
      owner: token.machine === null ? null : `machines/${token.machine}`,
      place: token.place,
      machine: token.machine,
      joinToken: token.id,
      draining: false,
      offer: null,
      bootId: null,
      reason: { code: 'NEVER_CONNECTED', message: 'has joined and not yet connected' },
      createdMs: now,
      sinceMs: now,
      lastSeenMs: null,
    });
    const row = tx.get('workers', body.workerId);
    if (row) recordWorker(tx, 'join', null, row);
  }

  /** @throws {DroverError} WORKER_NOT_FOUND, AMBIGUOUS */
  async resolve(ref: string): Promise<WorkerRow> {
    const table = this.#state.tables.workers;
    let row = isUuid(ref) ? table.get(ref) : undefined;
    row ??= table.named(DEFAULT_PROJECT, ref.normalize('NFC')).at(-1);
    if (!row && /^[0-9a-f-]{4,}$/.test(ref)) {
      const matches = [...table.all()].filter((each) => each.id.startsWith(ref));
      if (matches.length > 1)
        throw new DroverError('AMBIGUOUS', {
          ref,
          matches: matches
            .slice(0, 5)
            .map((each) => each.id)
            .join(', '),
        });
      row = matches[0];
    }
    if (!row) throw new DroverError('WORKER_NOT_FOUND', { ref });
    await this.#settled();
    return row;
  }

  /** A worker's view shows what is held on it too: all of it must be durable, unless the store refuses at present. */
  async #settled(): Promise<void> {
    await this.#state.durableUnlessStalled(this.#state.rev);
  }

  async list(status?: WorkerStatus): Promise<WorkerRow[]> {
    const rows = [...this.#state.tables.workers.all()].filter((row) => !status || row.status === status);
    await this.#settled();
    return rows.sort((a, b) => a.seq - b.seq);
  }

  /** Waits until the worker has the status. @returns its row then, or at the end of the time. */
  async wait(id: string, status: WorkerStatus, timeoutMs: number): Promise<WorkerRow> {
    const deadline = this.#ports.clock.monoMs() + timeoutMs;
    for (;;) {
      const row = this.#state.tables.workers.get(id);
      if (!row) throw new DroverError('WORKER_NOT_FOUND', { ref: id });
      const leftMs = deadline - this.#ports.clock.monoMs();
      if (row.status === status || leftMs <= 0) {
        await this.#settled();
        return row;
      }
      await new Promise<void>((resolve) => {
        const done = (): void => {
          timer.cancel();
          this.#waiters.delete(done);
          resolve();
        };
        const timer = this.#ports.clock.after(leftMs, done);
        this.#waiters.add(done);
      });
    }
  }

  /** Only OFFLINE ones. What ran there is given up. Its identity is void. @throws {DroverError} WORKER_NOT_FOUND, WORKER_NOT_OFFLINE */
  delete(actor: Actor, id: string): void {
    this.#state.assertWritable();
    this.#state.transact(actor, (tx) => {
      const row = tx.get('workers', id);
      if (!row) throw new DroverError('WORKER_NOT_FOUND', { ref: id });
      if (row.status !== 'OFFLINE')
        throw new DroverError('WORKER_NOT_OFFLINE', { ref: row.name ?? id, status: row.status });
      this.#deleteIn(tx, actor, row);
    });
  }

  /**
   * Its identity is void at once, and its link is cut: for a machine that is in wrong hands. What runs there goes the way
   * of a lost worker. @throws {DroverError} WORKER_NOT_FOUND
   */
  revoke(actor: Actor, id: string): void {
    this.#state.assertWritable();
    this.#state.transact(actor, (tx) => {
      const row = tx.get('workers', id);
      if (!row) throw new DroverError('WORKER_NOT_FOUND', { ref: id });
      this.identities.revokeIn(tx, actor, row.id, row.name);
      const reason = { code: 'REVOKED', message: `its identity was revoked by ${actor.name}` };
      if (row.status === 'ONLINE') moveWorker(tx, row, 'doubt', this.#ports.clock.wallMs(), reason);
    });
    this.#links.revoke(id);
  }

  deleteAllOffline(actor: Actor): number {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      const rows = [...this.#state.tables.workers.all()].filter((row) => row.status === 'OFFLINE');
      for (const row of rows) this.#deleteIn(tx, actor, row);
      return rows.length;
    });
  }

  /** Its machine is gone: what ran there is given up, and it is forgotten. Unknown ids are no error. */
  retireIn(tx: Transaction, id: string, reason: Reason): void {
    const row = tx.get('workers', id);
    if (!row) return;
    const now = this.#ports.clock.wallMs();
    if (row.status !== 'OFFLINE') giveUpWorker(tx, row, this.#byWorker.of(id), now, reason);
    this.#deleteIn(tx, SYSTEM, tx.get('workers', id) ?? row);
  }

  #deleteIn(tx: Transaction, actor: Actor, row: WorkerRow): void {
    const now = this.#ports.clock.wallMs();
    const reason = {
      code: 'WORKER_DELETED',
      message: `its worker was deleted by ${actor.name} while it was away`,
    };
    for (const id of this.#byWorker.of(row.id)) {
      const instance = tx.get('instances', id);
      if (!instance) continue;
      buryOn(tx, { instance: id, attempt: instance.attempt }, row, now);
      if (!isFinal(instance.status)) {
        const lost =
          instance.status === 'UNKNOWN'
            ? instance
            : moveInstance(tx, instance, 'lose', now, { reason: null });
        if (lost.spec.onWorkerLost === 'replace' && !isOfOlderState(lost))
          replaceIn(tx, this.#ports, lost, reason);
        else giveUpIn(tx, lost, now, reason);
        continue;
      }
      releaseReservation(tx, id);
      tx.put('instances', {
        ...instance,
        released: true,
        log: instance.log?.archived ? instance.log : null,
      });
    }
    for (const remnant of tx.ownedBy('reservations', `workers/${row.id}`)) {
      if (remnant.leftBy) buryOn(tx, remnant.leftBy, row, now);
      tx.delete('reservations', remnant.id);
    }
    const identity = tx.get('identities', row.id);
    // It may come back with what was given up here: it is told to stop that, and then that it was deleted.
    if (identity)
      tx.put('identities', {
        ...identity,
        status: identity.status === 'REVOKED' ? 'REVOKED' : 'DELETED',
        deletedMs: now,
      });
    tx.delete('workers', row.id);
    tx.event({
      noun: 'workers',
      subject: row.id,
      name: row.name,
      type: 'delete',
      from: row.status,
      to: null,
    });
    this.#links.drop(row.id);
  }
}
