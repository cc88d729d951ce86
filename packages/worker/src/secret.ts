/**
 * The worker's secret while it runs: renewed long before it expires, by the one that is good now. Earlier ones are kept
 * beside it, for a head that was restored from an older copy knows only one of those.
 */
import type { IdentityReply } from '@drover/core/wire';
import type { Logger } from './agent/index.ts';
import { earlierOf, type Identity, withEarlier, writeIdentity } from './identity.ts';
import { type HeadAddress, type Secret, whyFailed } from './link/head-address.ts';
import { postJson } from './link/post-json.ts';

/** After a try that failed; and for an identity that does not say how old it is. */
const RETRY_MS = 600_000;
const FIRST_MS = 30_000;
/** So that a herd that joined at once does not come at once for ever. */
const JITTER = 0.2;

export interface KeptSecret extends Secret {
  /**
   * The head did not take it: the next call shows the one before it, and after the oldest the newest again.
   * @returns whether one is shown now that has not been refused in this round
   */
  refused(): boolean;
  /** Asks for the next one now. For tests. */
  renew(): Promise<void>;
  close(): void;
}

export function keepSecret(options: {
  readonly stateDir: string;
  readonly head: HeadAddress;
  readonly identity: Identity;
  readonly log: Logger;
}): KeptSecret {
  const { stateDir, head, log } = options;
  let identity = options.identity;
  let shown = identity.token;
  let timer: NodeJS.Timeout | undefined;

  const renew = async (): Promise<void> => {
    const { status, text } = await postJson(head, '/v1/link/identity', shown, {});
    if (status !== 200) throw new Error(`the head answered ${status}`);
    const { token, ttlS, renewAfterS } = JSON.parse(text) as IdentityReply;
    const now = Date.now();
    const next: Identity = { ...withEarlier(identity, now), token, obtainedMs: now, ttlS, renewAfterS };
    // On disk first: what is shown once is what the head knows from then on.
    writeIdentity(stateDir, next);
    identity = next;
    shown = token;
    log.info({ renewAfterS }, 'the identity of this worker was renewed');
  };
  const plan = (waitMs: number): void => {
    timer = setTimeout(
      () => {
        renew().then(
          () => plan(dueInMs(identity)),
          (err: unknown) => {
            log.warn({ err: whyFailed(err as Error) }, 'the identity could not be renewed yet; trying again');
            plan(RETRY_MS);
          },
        );
      },
      waitMs * (1 + JITTER * Math.random()),
    );
    timer.unref();
  };
  plan(dueInMs(identity));
  return {
    get token() {
      return shown;
    },
    refused() {
      const known = [identity.token, ...earlierOf(identity).map((each) => each.token)];
      const older = known[known.indexOf(shown) + 1];
      shown = older ?? identity.token;
      if (older === undefined) return false;
      // An older one may have little time left: if it is taken, the next one is asked for soon.
      clearTimeout(timer);
      plan(FIRST_MS);
      return true;
    },
    renew,
    close: () => clearTimeout(timer),
  };
}

function dueInMs({ obtainedMs, renewAfterS }: Identity): number {
  if (obtainedMs === undefined || renewAfterS === undefined) return FIRST_MS;
  return Math.max(FIRST_MS, obtainedMs + renewAfterS * 1000 - Date.now());
}

/** By this machine's clock: it may be wrong, and the head decides. */
export const hasExpired = ({ obtainedMs, ttlS }: Identity): boolean =>
  obtainedMs !== undefined && ttlS !== undefined && Date.now() > obtainedMs + ttlS * 1000;
