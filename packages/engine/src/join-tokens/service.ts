/** Join tokens: single purpose, short-lived, bounded uses. Shown once, stored as digests. */
import { DroverError, isoStamp } from '@drover/core';
import type { JoinTokenCreate, JoinTokenView } from '@drover/core/wire';
import { type Actor, DEFAULT_PROJECT, SYSTEM } from '../actor.ts';
import type { MachineRow } from '../machines/row.ts';
import type { Ports } from '../ports.ts';
import type { JoinTokenRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';

const MOST_TOKENS = 10_000;

export class JoinTokenService {
  readonly #state: State;
  readonly #ports: Ports;

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
  }

  /** @throws {DroverError} TOO_MANY_REQUESTS, STORE_FULL */
  create(
    actor: Actor,
    input: Omit<JoinTokenCreate, 'pool'> & { pool?: string },
  ): { view: JoinTokenView; token: string } {
    this.#state.assertWritable();
    const { random, clock } = this.#ports;
    const now = clock.wallMs();
    const token = random.token('drvj_');
    const id = random.uuid();
    const place = `pool/${input.pool ?? 'default'}`;
    this.#state.transact(actor, (tx) => {
      for (const row of this.#state.tables.joinTokens.all())
        if (spent(row, now)) tx.delete('joinTokens', row.id);
      if (this.#state.tables.joinTokens.size >= MOST_TOKENS)
        throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_TOKENS, what: 'join tokens' });
      tx.put('joinTokens', {
        id,
        project: DEFAULT_PROJECT,
        name: null,
        status: 'VALID',
        owner: null,
        place,
        machine: null,
        digest: random.digest(token),
        uses: input.uses,
        used: 0,
        expiresMs: now + input.ttlS * 1000,
        createdMs: now,
      });
      tx.event({ noun: 'joinTokens', subject: id, name: null, type: 'create', to: 'VALID' });
    });
    const row = this.#state.tables.joinTokens.get(id);
    if (!row) throw new Error('a join token vanished within its own turn');
    return { view: viewJoinToken(row), token };
  }

  /**
   * For the worker of a machine, and no other. Each try to make the machine gets one of its own, for what an earlier try
   * has left behind holds an earlier one; the first worker that joins with any of them is the machine's.
   */
  createFor(machine: MachineRow, ttlMs: number): string {
    const { random, clock } = this.#ports;
    const token = random.token('drvj_');
    const now = clock.wallMs();
    this.#state.transact(SYSTEM, (tx) =>
      tx.put('joinTokens', {
        id: random.uuid(),
        project: machine.project,
        name: null,
        status: 'VALID',
        owner: `machines/${machine.id}`,
        place: machine.infra,
        machine: machine.id,
        digest: random.digest(token),
        uses: 1,
        used: 0,
        expiresMs: now + ttlMs,
        createdMs: now,
      }),
    );
    return token;
  }

  /** @returns the valid row of this token. @throws {DroverError} JOIN_TOKEN_INVALID, without saying why */
  check(token: string, workerId: string): JoinTokenRow {
    const digest = this.#ports.random.digest(token);
    const now = this.#ports.clock.wallMs();
    for (const row of this.#state.tables.joinTokens.all()) {
      if (row.digest !== digest || now >= row.expiresMs) continue;
      // The worker that it was used up for comes again when the answer was lost.
      if (row.used < row.uses || this.#state.tables.workers.get(workerId)?.joinToken === row.id) return row;
    }
    throw new DroverError('JOIN_TOKEN_INVALID');
  }

  async list(): Promise<JoinTokenView[]> {
    const now = this.#ports.clock.wallMs();
    const rows = [...this.#state.tables.joinTokens.all()].filter(
      (row) => row.machine === null && !spent(row, now),
    );
    await this.#state.durable(this.#state.tables.joinTokens.lastRev);
    return rows.map(viewJoinToken);
  }

  /** @throws {DroverError} TOKEN_NOT_FOUND */
  delete(actor: Actor, id: string): void {
    this.#state.assertWritable();
    this.#state.transact(actor, (tx) => {
      if (!tx.get('joinTokens', id)) throw new DroverError('TOKEN_NOT_FOUND', { ref: id });
      tx.delete('joinTokens', id);
      tx.event({ noun: 'joinTokens', subject: id, name: null, type: 'delete', from: 'VALID' });
    });
  }
}

const spent = (row: JoinTokenRow, now: number): boolean => now >= row.expiresMs || row.used >= row.uses;

const viewJoinToken = (row: JoinTokenRow): JoinTokenView => ({
  id: row.id,
  pool: row.place.replace(/^pool\//, ''),
  uses: row.uses,
  used: row.used,
  expiresAt: isoStamp(row.expiresMs),
  createdAt: isoStamp(row.createdMs),
});
