/**
 * Identities of workers: a secret for each, known by its digest. One lives for {@link IDENTITY_TTL_MS} and is renewed
 * long before its end; the earlier secret stays good until the new one is used, so that an answer that was lost costs
 * nothing.
 */
import { DroverError, type WorkerId } from '@drover/core';
import { type Actor, DEFAULT_PROJECT, SYSTEM, workerActor } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { IdentityRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';

/** A worker that is away for less comes back as itself: a laptop over a holiday, a machine under repair. */
export const IDENTITY_TTL_MS: number = 30 * 24 * 3_600_000;
/** One that is older is renewed when its worker is there. */
export const RENEW_AFTER_MS: number = 24 * 3_600_000;

/** Of each worker, at most. */
const TOLD_EVERY_MS = 3_600_000;
const UNDER_WAY_MS = 60_000;

/** What a worker is given. Times are durations, for its wall clock may be another. */
export interface IssuedIdentity {
  readonly token: string;
  readonly ttlS: number;
  readonly renewAfterS: number;
}

export class Identities {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #byDigest = new Map<string, string>();
  /** When it was last told that two hold an identity, by worker. */
  readonly #toldMs = new Map<string, number>();

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
    for (const row of state.tables.identities.all()) this.#index(row, true);
    state.onChange(({ collection, before, after }) => {
      if (collection !== 'identities') return;
      this.#index(before as IdentityRow | undefined, false);
      this.#index(after as IdentityRow | undefined, true);
    });
  }

  #index(row: IdentityRow | undefined, there: boolean): void {
    for (const digest of row ? [row.digest, row.next, row.voided] : []) {
      if (digest === null) continue;
      if (there) this.#byDigest.set(digest, row?.id ?? '');
      else this.#byDigest.delete(digest);
    }
  }

  /** The worker whose secret this is; null: unknown, expired or revoked. One that was deleted may come to be told so. */
  authenticate(token: string): string | null {
    const digest = this.#ports.random.digest(token);
    const row = this.#state.tables.identities.get(this.#byDigest.get(digest) ?? '');
    if (!row || row.status === 'REVOKED' || this.#hasExpired(row)) return null;
    if (digest === row.voided) {
      this.#tellTwo(row);
      return null;
    }
    if (digest === row.next) this.#take(row);
    return row.id;
  }

  #hasExpired(row: IdentityRow): boolean {
    return row.expiresMs !== null && row.expiresMs <= this.#ports.clock.wallMs();
  }

  /** The new secret has arrived: the earlier one is void. While the store refuses, both stay good. */
  #take(row: IdentityRow): void {
    if (this.#state.stalled !== null) return;
    this.#state.transact(SYSTEM, (tx) => {
      const now = tx.get('identities', row.id);
      if (now?.next) tx.put('identities', { ...now, digest: now.next, voided: now.digest, next: null });
    });
  }

  /** A first identity, or a new one for a worker that has expired. */
  issueIn(tx: Transaction, workerId: WorkerId): IssuedIdentity {
    const token = this.#ports.random.token('drvw_');
    const now = this.#ports.clock.wallMs();
    tx.put('identities', {
      ...tx.get('identities', workerId),
      id: workerId,
      project: DEFAULT_PROJECT,
      name: null,
      status: 'VALID',
      deletedMs: null,
      owner: `workers/${workerId}`,
      digest: this.#ports.random.digest(token),
      next: null,
      voided: null,
      createdMs: now,
      expiresMs: now + IDENTITY_TTL_MS,
    });
    return issued(token);
  }

  /**
   * Somebody came with a secret that was replaced: a worker whose file was put back, or a thief, or the worker after a
   * thief has renewed. Which of these, a person has to find out.
   */
  #tellTwo(row: IdentityRow): void {
    // A stream that was dialled as the secret was renewed.
    if (this.#ports.clock.wallMs() - row.createdMs < UNDER_WAY_MS) return;
    const now = this.#ports.clock.monoMs();
    if (now - (this.#toldMs.get(row.id) ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return;
    this.#toldMs.set(row.id, now);
    const message =
      'a secret of this worker that was replaced was shown: two hold this identity, or a file was put back';
    this.#ports.log.warn({ worker: row.id }, message);
    if (this.#state.stalled !== null) return;
    const reason = { code: 'IDENTITY_REUSED', message };
    const name = this.#state.tables.workers.get(row.id)?.name ?? null;
    this.#state.transact(SYSTEM, (tx) =>
      tx.event({ noun: 'workers', subject: row.id, name, type: 'deny', reason }),
    );
  }

  /** A new secret for a worker that came with its present one. @throws {DroverError} WORKER_NOT_FOUND, STORE_FULL */
  renew(workerId: string, by: Pick<Actor, 'source' | 'requestId'> = {}): IssuedIdentity {
    this.#state.assertWritable();
    const token = this.#ports.random.token('drvw_');
    const now = this.#ports.clock.wallMs();
    this.#state.transact({ ...workerActor(workerId), ...by }, (tx) => {
      const row = tx.get('identities', workerId);
      if (row?.status !== 'VALID') throw new DroverError('WORKER_NOT_FOUND', { ref: workerId });
      const next = this.#ports.random.digest(token);
      tx.put('identities', { ...row, next, createdMs: now, expiresMs: now + IDENTITY_TTL_MS });
      const name = tx.get('workers', workerId)?.name ?? null;
      tx.event({ noun: 'workers', subject: workerId, name, type: 'renew' });
    });
    return issued(token);
  }

  /** Whether this is the secret of an identity that has expired: who still has it may join again as the same worker. */
  isExpired(workerId: string, token: string): boolean {
    const row = this.#state.tables.identities.get(workerId);
    if (row?.status !== 'VALID' || !this.#hasExpired(row)) return false;
    const digest = this.#ports.random.digest(token);
    return digest === row.digest || digest === row.next;
  }

  /** Nobody is let in with it any more; its worker has to be deleted and joined anew. */
  revokeIn(tx: Transaction, actor: Actor, workerId: WorkerId, name: string | null): void {
    const row = tx.get('identities', workerId);
    if (!row) return;
    tx.put('identities', { ...row, status: 'REVOKED', next: null });
    const message = `revoked by ${actor.name}`;
    tx.event({
      noun: 'workers',
      subject: workerId,
      name,
      type: 'revoke',
      reason: { code: 'REVOKED', message },
    });
  }
}

const issued = (token: string): IssuedIdentity => ({
  token,
  ttlS: IDENTITY_TTL_MS / 1000,
  renewAfterS: RENEW_AFTER_MS / 1000,
});
