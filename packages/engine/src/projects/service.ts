/** Projects: what owns things, who comes in, and how much each may have. */
import { DroverError, invalid, isoStamp, lesserRole, type QuotaKey, type Role } from '@drover/core';
import type { ProjectPatch, ProjectSpec, ProjectView } from '@drover/core/wire';
import { type Actor, DEFAULT_PROJECT, SYSTEM } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { State } from '../state/state.ts';
import type { Transaction } from '../state/transaction.ts';
import type { UserRow } from '../users/row.ts';
import { LogBytes } from './log-bytes.ts';
import type { ProjectRow } from './row.ts';
import { UsageCounts } from './usage.ts';

const MOST_PROJECTS = 1_000;
const MOST_MEMBERS = 10_000;
const NO_QUOTAS = { instances: null, gpus: null, requests: null, logMiB: null } as const;
const WORDS: Readonly<Record<QuotaKey, string>> = {
  instances: 'instances and nodes',
  gpus: 'GPUs',
  requests: 'open requests',
  logMiB: 'MiB of logs',
};
const MIB = 1024 * 1024;

export class ProjectService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #usage: UsageCounts;
  readonly #logs: LogBytes;

  /** Makes the default project where there is none. */
  constructor(state: State, ports: Ports) {
    this.#state = state;
    this.#ports = ports;
    this.#usage = new UsageCounts(state);
    this.#logs = new LogBytes(state, ports);
    if (!this.find(DEFAULT_PROJECT))
      state.transact(SYSTEM, (tx) =>
        this.#put(tx, { name: DEFAULT_PROJECT, private: false, description: '', quotas: NO_QUOTAS }),
      );
    for (const row of state.tables.projects.all()) if (row.status === 'ACTIVE') this.#watchLogs(row);
  }

  /** Counted from the first time that a quota asks for it. */
  #watchLogs({ quotas }: ProjectRow): void {
    if (quotas.logMiB !== null) this.#logs.begin();
  }

  find(name: string): ProjectRow | undefined {
    const row = this.#state.tables.projects.named(DEFAULT_PROJECT, name)[0];
    return row?.status === 'ACTIVE' ? row : undefined;
  }

  /** @throws {DroverError} PROJECT_NOT_FOUND */
  get(name: string): ProjectRow {
    const row = this.find(name);
    if (!row) throw new DroverError('PROJECT_NOT_FOUND', { ref: name });
    return row;
  }

  /** What the user may do there. Null: not come in. */
  roleIn(user: Pick<UserRow, 'id' | 'role'>, row: ProjectRow): Role | null {
    if (user.role === 'admin') return 'admin';
    const member = row.members.find((each) => each.user === user.id);
    if (member) return lesserRole(member.role, user.role);
    return row.private ? null : user.role;
  }

  /** @throws {DroverError} PROJECT_NOT_FOUND, also when the user may not come in */
  enter(user: Pick<UserRow, 'id' | 'role'>, name: string): Role {
    const row = this.find(name);
    const role = row && this.roleIn(user, row);
    if (!role) throw new DroverError('PROJECT_NOT_FOUND', { ref: name });
    return role;
  }

  /** Those that the user may come into, by name; the default one first. */
  of(user: Pick<UserRow, 'id' | 'role'>): { readonly row: ProjectRow; readonly role: Role }[] {
    const found: { row: ProjectRow; role: Role }[] = [];
    for (const row of this.#state.tables.projects.all()) {
      const role = row.status === 'ACTIVE' ? this.roleIn(user, row) : null;
      if (role) found.push({ row, role });
    }
    const rank = ({ name }: ProjectRow): string => (name === DEFAULT_PROJECT ? '' : name);
    return found.sort((a, b) => (rank(a.row) < rank(b.row) ? -1 : 1));
  }

  /**
   * That the project may have so much more. Asked before anything is written, in the same turn.
   * @param asked `logs`: it will write some
   * @throws {DroverError} QUOTA_EXCEEDED, PROJECT_NOT_FOUND when it was deleted meanwhile
   */
  assertRoom(
    project: string,
    asked: {
      readonly instances?: number;
      readonly gpus?: number;
      readonly requests?: number;
      readonly logs?: boolean;
    },
  ): void {
    const row = this.get(project);
    const used = this.#usage.get(project);
    for (const key of ['instances', 'gpus', 'requests'] as const) {
      const more = asked[key] ?? 0;
      const limit = row.quotas[key];
      if (limit !== null && more > 0 && used[key] + more > limit)
        throw exceeded(project, key, used[key], limit, more);
    }
    const { logMiB } = row.quotas;
    const bytes = this.#logs.of(project);
    if (logMiB === null || bytes === null || !asked.logs) return;
    if (bytes >= logMiB * MIB)
      throw exceeded(project, 'logMiB', Math.round(bytes / MIB), logMiB, 'more of them');
  }

  /** @throws {DroverError} PROJECT_EXISTS, TOO_MANY_REQUESTS, STORE_FULL */
  create(actor: Actor, wish: ProjectSpec): ProjectRow {
    this.#state.assertWritable();
    // What ended in a deleted one is still in the store under its name: nobody else comes to it.
    if (this.#state.tables.projects.named(DEFAULT_PROJECT, wish.name).length > 0)
      throw new DroverError('PROJECT_EXISTS', { ref: wish.name });
    if (this.#state.tables.projects.size >= MOST_PROJECTS)
      throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_PROJECTS, what: 'projects' });
    const row = this.#state.transact(actor, (tx) => this.#put(tx, wish));
    this.#watchLogs(row);
    return row;
  }

  #put(tx: Transaction, wish: Pick<ProjectRow, 'name' | 'private' | 'description' | 'quotas'>): ProjectRow {
    const id = this.#ports.random.uuid();
    tx.put('projects', {
      id,
      project: DEFAULT_PROJECT,
      name: wish.name,
      status: 'ACTIVE',
      owner: null,
      private: wish.private,
      description: wish.description,
      members: [],
      quotas: wish.quotas,
      createdMs: this.#ports.clock.wallMs(),
    });
    tx.event({ noun: 'projects', subject: id, name: wish.name, type: 'create', to: 'ACTIVE' });
    return tx.get('projects', id) as ProjectRow;
  }

  /** @throws {DroverError} PROJECT_NOT_FOUND, INVALID_REQUEST, STORE_FULL */
  change(actor: Actor, name: string, patch: ProjectPatch): ProjectRow {
    if (name === DEFAULT_PROJECT && patch.private)
      throw invalid('private', 'the default project is for all users: it cannot be private', undefined);
    const given = (part: object): object =>
      Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
    const { quotas = {}, ...rest } = patch;
    return this.#edit(actor, name, 'change', JSON.stringify(patch), (row) => ({
      ...row,
      ...given(rest),
      quotas: { ...row.quotas, ...given(quotas) },
    }));
  }

  /** Null: not any more. @throws {DroverError} PROJECT_NOT_FOUND, TOO_MANY_REQUESTS, STORE_FULL */
  setMember(actor: Actor, name: string, user: UserRow, role: Role | null): ProjectRow {
    const words = `${user.name}: ${role ?? 'no member'}`;
    return this.#edit(actor, name, 'member', words, (row) => {
      const others = row.members.filter((member) => member.user !== user.id);
      if (others.length >= MOST_MEMBERS)
        throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_MEMBERS, what: `members of ${name}` });
      return { ...row, members: role === null ? others : [...others, { user: user.id, role }] };
    });
  }

  #edit(
    actor: Actor,
    name: string,
    type: string,
    words: string,
    edit: (row: ProjectRow) => ProjectRow,
  ): ProjectRow {
    this.#state.assertWritable();
    const next = this.#state.transact(actor, (tx) => {
      const row = this.get(name);
      tx.put('projects', edit(row));
      const reason = { code: 'PROJECT', message: words.slice(0, 500) };
      tx.event({ noun: 'projects', subject: row.id, name, type, from: row.status, to: row.status, reason });
      return tx.get('projects', row.id) as ProjectRow;
    });
    this.#watchLogs(next);
    return next;
  }

  /**
   * Only one in which nothing is left to end. Records of what has ended stay in the store, out of reach; so the name is
   * not given again.
   * @throws {DroverError} PROJECT_NOT_FOUND, PROJECT_NOT_EMPTY, INVALID_REQUEST, STORE_FULL
   */
  delete(actor: Actor, name: string): void {
    if (name === DEFAULT_PROJECT) throw invalid('project', 'the default project stays', undefined);
    this.#state.assertWritable();
    this.#state.transact(actor, (tx) => {
      const row = this.get(name);
      const what = this.#left(name);
      if (what !== null) throw new DroverError('PROJECT_NOT_EMPTY', { ref: name, what });
      for (const token of this.#state.tables.tokens.all())
        if (token.scope === name) tx.delete('tokens', token.id);
      tx.put('projects', { ...row, status: 'DELETED', members: [] });
      tx.event({ noun: 'projects', subject: row.id, name, type: 'delete', from: row.status, to: 'DELETED' });
    });
  }

  #left(name: string): string | null {
    const { instances, requests } = this.#usage.get(name);
    const clusters = [...this.#state.tables.clusters.all()].filter(
      (row) => row.project === name && row.status !== 'TERMINATED',
    );
    const parts = [
      ...(clusters.length > 0
        ? [
            `clusters (${clusters
              .slice(0, 5)
              .map((row) => row.name)
              .join(', ')})`,
          ]
        : []),
      ...(instances > 0 ? ['instances that have not ended'] : []),
      ...(requests > 0 ? ['requests under way'] : []),
    ];
    return parts.length === 0 ? null : parts.join(' and ');
  }

  /** @param role what the caller may do there */
  view(row: ProjectRow, role: Role): ProjectView {
    const bytes = this.#logs.of(row.name);
    return {
      id: row.id,
      name: row.name,
      private: row.private,
      description: row.description,
      quotas: row.quotas,
      usage: {
        ...this.#usage.get(row.name),
        logMiB: bytes === null || row.quotas.logMiB === null ? null : Math.round((bytes / MIB) * 10) / 10,
      },
      members: row.members.map((member) => ({
        user: this.#state.tables.users.get(member.user)?.name ?? member.user,
        role: member.role,
      })),
      role,
      createdAt: isoStamp(row.createdMs),
    };
  }
}

function exceeded(
  project: string,
  key: QuotaKey,
  used: number,
  limit: number,
  asked: number | string,
): DroverError {
  return new DroverError('QUOTA_EXCEEDED', { project, quota: key, used, limit, what: WORDS[key], asked });
}
