/** Tokens of users: shown once, stored as digests, with an end and a scope. */
import { DroverError, invalid, isAtLeast, isoStamp } from '@drover/core';
import { TOKEN_TTL_S, type TokenSpec, type TokenView } from '@drover/core/wire';
import { type Actor, DEFAULT_PROJECT } from '../actor.ts';
import type { Ports } from '../ports.ts';
import type { ProjectService } from '../projects/service.ts';
import type { State } from '../state/state.ts';
import type { UserRow } from '../users/row.ts';
import type { UserService } from '../users/service.ts';
import type { TokenRow } from './row.ts';

const MOST_TOKENS_PER_USER = 1_000;
const HINT_CHARACTERS = 8;
/** An expired token is listed for so long, so that its owner sees why it is refused. */
const EXPIRED_KEPT_MS = 30 * 24 * 3_600_000;

/** Whose token it is. */
export interface Bearer {
  readonly user: UserRow;
  readonly token: TokenRow;
}

export class TokenService {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #users: UserService;
  readonly #projects: ProjectService;
  readonly #byDigest = new Map<string, string>();
  /** Wall time in ms, by token; never stored: a write for each call would cost more than it tells. */
  readonly #usedMs = new Map<string, number>();

  constructor(state: State, ports: Ports, users: UserService, projects: ProjectService) {
    this.#state = state;
    this.#ports = ports;
    this.#users = users;
    this.#projects = projects;
    for (const row of state.tables.tokens.all()) this.#byDigest.set(row.digest, row.id);
    state.onChange((change) => {
      if (change.collection !== 'tokens') return;
      const before = change.before as TokenRow | undefined;
      const after = change.after as TokenRow | undefined;
      if (before) this.#byDigest.delete(before.digest);
      if (after) this.#byDigest.set(after.digest, after.id);
      else this.#usedMs.delete(change.id);
    });
  }

  /** Null: unknown, expired, or its user is disabled; which of these is told to nobody. */
  authenticate(digest: string): Bearer | null {
    const token = this.#state.tables.tokens.get(this.#byDigest.get(digest) ?? '');
    if (!token) return null;
    const now = this.#ports.clock.wallMs();
    if (token.expiresMs !== null && token.expiresMs <= now) return null;
    const user = this.#state.tables.users.get((token.owner ?? '').replace(/^users\//, ''));
    if (user?.status !== 'ACTIVE') return null;
    this.#usedMs.set(token.id, now - (now % 60_000));
    return { user, token };
  }

  /**
   * @param bearer by which the caller came; null: the head's own token. One that is narrowed makes no others, so that
   * what was lent out cannot be made more of.
   * @throws {DroverError} FORBIDDEN, USER_NOT_FOUND, PROJECT_NOT_FOUND, INVALID_REQUEST, TOO_MANY_REQUESTS, STORE_FULL
   */
  create(actor: Actor, bearer: Bearer | null, wish: TokenSpec): { row: TokenRow; token: string } {
    this.#state.assertWritable();
    const name = wish.user ?? bearer?.user.name;
    if (name === undefined)
      throw invalid('user', 'needed: the admin of this head is nobody in particular; name a user', undefined);
    if (bearer !== null && (bearer.token.role !== null || bearer.token.scope !== null))
      throw new DroverError('FORBIDDEN', {}, { message: 'a token that is narrowed makes no other tokens' });
    const user = this.#users.get(name);
    if (bearer !== null && bearer.user.id !== user.id && bearer.user.role !== 'admin')
      throw new DroverError('FORBIDDEN', {}, { message: 'only admins make tokens for others' });
    if (wish.role !== undefined && !isAtLeast(user.role, wish.role))
      throw invalid('role', `at most ${user.role}: that is what ${user.name} may`, wish.role);
    if (wish.project !== undefined) this.#projects.enter(user, wish.project);
    const ttlS = this.#lifeOf(bearer, wish.ttlS);
    const { random, clock } = this.#ports;
    const token = random.token('drv_');
    const id = random.uuid();
    const now = clock.wallMs();
    const row = this.#state.transact(actor, (tx) => {
      let kept = 0;
      for (const other of tx.ownedBy('tokens', `users/${user.id}`))
        if (other.expiresMs !== null && other.expiresMs + EXPIRED_KEPT_MS < now)
          tx.delete('tokens', other.id);
        else kept++;
      if (kept >= MOST_TOKENS_PER_USER)
        throw new DroverError('TOO_MANY_REQUESTS', {
          limit: MOST_TOKENS_PER_USER,
          what: `tokens of ${user.name}`,
        });
      tx.put('tokens', {
        id,
        project: DEFAULT_PROJECT,
        name: wish.name,
        status: 'VALID',
        owner: `users/${user.id}`,
        digest: random.digest(token),
        hint: token.slice(0, HINT_CHARACTERS),
        role: wish.role ?? null,
        scope: wish.project ?? null,
        expiresMs: ttlS === null ? null : now + ttlS * 1000,
        createdMs: now,
        createdBy: actor.name,
      });
      tx.event({ noun: 'tokens', subject: id, name: user.name, type: 'create', to: 'VALID' });
      return tx.get('tokens', id) as TokenRow;
    });
    return { row, token };
  }

  /** The longest life of what the caller may make, in seconds; null: for ever. What was lent for an hour makes nothing of more. */
  longestS(bearer: Bearer | null): number | null {
    if (bearer === null || bearer.user.role === 'admin' || bearer.token.expiresMs === null) return null;
    return Math.floor((bearer.token.expiresMs - bearer.token.createdMs) / 1000);
  }

  #lifeOf(bearer: Bearer | null, asked: number | null | undefined): number | null {
    const longest = this.longestS(bearer);
    if (asked === undefined) return longest === null ? TOKEN_TTL_S : Math.min(TOKEN_TTL_S, longest);
    if (longest === null || (asked !== null && asked <= longest)) return asked;
    throw invalid('ttlS', `at most ${longest}: so long lives the token of this call`, asked);
  }

  /** The caller's own, or those of all; newest first. */
  list(of: UserRow | null): TokenRow[] {
    const { tokens } = this.#state.tables;
    const rows = of === null ? [...tokens.all()] : tokens.ownedBy(`users/${of.id}`);
    return rows.sort((a, b) => b.seq - a.seq);
  }

  /** By id, or its beginning. @throws {DroverError} TOKEN_NOT_FOUND, AMBIGUOUS */
  revoke(actor: Actor, of: UserRow | null, ref: string): void {
    this.#state.assertWritable();
    const found = this.list(of).filter(
      (row) => row.id === ref || (ref.length >= 4 && row.id.startsWith(ref)),
    );
    const [row] = found;
    if (!row) throw new DroverError('TOKEN_NOT_FOUND', { ref });
    if (found.length > 1)
      throw new DroverError('AMBIGUOUS', { ref, matches: found.map((each) => each.id).join(', ') });
    this.#state.transact(actor, (tx) => {
      tx.delete('tokens', row.id);
      const user = this.#nameOf(row);
      tx.event({ noun: 'tokens', subject: row.id, name: user, type: 'revoke', from: 'VALID' });
    });
  }

  #nameOf(row: TokenRow): string {
    const id = (row.owner ?? '').replace(/^users\//, '');
    return this.#state.tables.users.get(id)?.name ?? id;
  }

  view(row: TokenRow): TokenView {
    const usedMs = this.#usedMs.get(row.id);
    return {
      id: row.id,
      name: row.name,
      user: this.#nameOf(row),
      role: row.role,
      project: row.scope,
      hint: row.hint,
      expiresAt: row.expiresMs === null ? null : isoStamp(row.expiresMs),
      createdAt: isoStamp(row.createdMs),
      createdBy: row.createdBy,
      lastUsedAt: usedMs === undefined ? null : isoStamp(Math.max(usedMs, row.createdMs)),
    };
  }
}
