/** Users: who may call. The one of the head's own token file is built in and has no row. */
import { DroverError, invalid, isoStamp, type Role } from '@drover/core';
import type { UserPatch, UserSpec, UserView } from '@drover/core/wire';
import { type Actor, DEFAULT_PROJECT } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import type { UserRow } from './row.ts';

/** The bearer of the head's own token file. */
export const BUILTIN_ADMIN = 'admin';
const MOST_USERS = 10_000;
/** Names that stand for others in events. */
const TAKEN = new Set([BUILTIN_ADMIN, 'system', 'nobody']);

export class UserService {
  readonly #state: State;
  readonly #ports: Ports;

  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
  }

  /** By name, else by id. @throws {DroverError} USER_NOT_FOUND */
  get(ref: string): UserRow {
    const { users } = this.#state.tables;
    const row = users.named(DEFAULT_PROJECT, ref)[0] ?? users.get(ref);
    if (!row) throw new DroverError('USER_NOT_FOUND', { ref });
    return row;
  }

  /** By name. */
  list(): UserRow[] {
    return [...this.#state.tables.users.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws {DroverError} USER_EXISTS, TOO_MANY_REQUESTS, STORE_FULL */
  create(actor: Actor, { name, kind, role }: UserSpec): UserRow {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      if (TAKEN.has(name) || tx.named('users', DEFAULT_PROJECT, name).length > 0)
        throw new DroverError('USER_EXISTS', { ref: name });
      if (this.#state.tables.users.size >= MOST_USERS)
        throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_USERS, what: 'users' });
      const id = this.#ports.random.uuid();
      tx.put('users', {
        id,
        project: DEFAULT_PROJECT,
        name,
        status: 'ACTIVE',
        owner: null,
        kind,
        role,
        createdMs: this.#ports.clock.wallMs(),
        createdBy: actor.name,
      });
      const row = tx.get('users', id) as UserRow;
      tell(tx, row, 'create', `${kind}, ${role}`);
      return row;
    });
  }

  /** A disabled user's tokens are refused from the next call on, and what is open with them ends. @throws {DroverError} USER_NOT_FOUND, INVALID_REQUEST */
  change(actor: Actor, ref: string, patch: UserPatch): UserRow {
    this.#state.assertWritable();
    return this.#state.transact(actor, (tx) => {
      const row = this.get(ref);
      const { role = row.role, status = row.status } = patch;
      if (role === row.role && status === row.status) return row;
      if (actor.user?.id === row.id && (status === 'DISABLED' || role !== row.role))
        throw invalid(
          'user',
          'nobody changes their own role or disables themselves: ask another admin',
          undefined,
        );
      tx.put('users', { ...row, role, status });
      const next = tx.get('users', row.id) as UserRow;
      tx.event({
        noun: 'users',
        subject: row.id,
        name: row.name,
        type: 'change',
        from: stateOf(row),
        to: stateOf(next),
      });
      return next;
    });
  }

  /** Its tokens go with it; what it made stays, with its name. @throws {DroverError} USER_NOT_FOUND, INVALID_REQUEST */
  delete(actor: Actor, ref: string): void {
    this.#state.assertWritable();
    this.#state.transact(actor, (tx) => {
      const row = this.get(ref);
      if (actor.user?.id === row.id)
        throw invalid('user', 'nobody deletes themselves: ask another admin', undefined);
      for (const token of tx.ownedBy('tokens', `users/${row.id}`)) tx.delete('tokens', token.id);
      for (const project of this.#state.tables.projects.all())
        if (project.members.some((member) => member.user === row.id))
          tx.put('projects', {
            ...project,
            members: project.members.filter((member) => member.user !== row.id),
          });
      tx.delete('users', row.id);
      tx.event({ noun: 'users', subject: row.id, name: row.name, type: 'delete', from: stateOf(row) });
    });
  }

  view(row: UserRow): UserView {
    const now = this.#ports.clock.wallMs();
    const tokens = this.#state.tables.tokens.ownedBy(`users/${row.id}`);
    return {
      id: row.id,
      name: row.name,
      kind: row.kind,
      role: row.role,
      status: row.status,
      tokens: tokens.filter((token) => token.expiresMs === null || token.expiresMs > now).length,
      createdAt: isoStamp(row.createdMs),
      createdBy: row.createdBy,
    };
  }
}

const stateOf = (row: { readonly role: Role; readonly status: string }): string =>
  `${row.role} ${row.status}`;

function tell(tx: Transaction, row: UserRow, type: string, message: string): void {
  tx.event({
    noun: 'users',
    subject: row.id,
    name: row.name,
    type,
    to: stateOf(row),
    reason: { code: 'USER', message },
  });
}
