/**
 * Logins that somebody has approved and whose client has not come for them yet. In memory only, for a few minutes, each
 * for one time; what is kept is who approved, and no token: that is made when it is fetched.
 */
import { createHash } from 'node:crypto';
import { DroverError } from '@drover/core';
import type { Actor, Bearer } from '@drover/engine';

/** So long the client asks. */
const KEEP_MS = 5 * 60_000;
const MOST_OF_ONE_USER = 20;
const MOST = 1_000;

/** Who said that somebody may log in as them. */
export interface Approval {
  readonly actor: Actor;
  readonly bearer: Bearer;
}

export class Approvals {
  /** By challenge: the digest of a code of 256 random bits, so how long a look-up takes says nothing of the code. */
  readonly #of = new Map<string, Approval & { readonly untilMs: number }>();
  readonly #nowMs: () => number;

  /** @param nowMs a clock that never goes back */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** @throws {DroverError} TOO_MANY_REQUESTS */
  approve(challenge: string, { actor, bearer }: Approval): void {
    const now = this.#nowMs();
    for (const [key, { untilMs }] of this.#of) if (untilMs <= now) this.#of.delete(key);
    const mine = [...this.#of.values()].filter((each) => each.bearer.user.id === bearer.user.id).length;
    if (mine >= MOST_OF_ONE_USER || this.#of.size >= MOST)
      throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_OF_ONE_USER, what: 'logins that wait' });
    this.#of.set(challenge, { actor, bearer, untilMs: now + KEEP_MS });
  }

  /** What was approved for the code of which the challenge is the digest; a second time there is nothing. */
  take(code: string): Approval | null {
    const challenge = createHash('sha256').update(code).digest('base64url');
    const found = this.#of.get(challenge);
    this.#of.delete(challenge);
    return found !== undefined && found.untilMs > this.#nowMs() ? found : null;
  }
}
