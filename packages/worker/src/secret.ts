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

interface Planned {
  cancel(): void;
}
type After = (ms: number, work: () => void) => Planned;

const byTimer: After = (ms, work) => {
  const timer = setTimeout(work, ms).unref();
  return { cancel: () => clearTimeout(timer) };
};

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
  /** Default: by this process's timers, which do not keep it alive. */
  readonly after?: After;
}): KeptSecret {
  const { stateDir, head, log, after = byTimer } = options;
  let identity = options.identity;
  let shown = identity.token;
  let planned: Planned | null = null;
  let isClosed = false;

  const renew = async (): Promise<void> => {
    const { status, text } = await postJson(head, '/v1/link/identity', shown, {});
    if (status !== 200) throw new Error(`the head answered ${status}`);
    // Whoever has closed it has given the folder back: another process may write there now.
    if (isClosed) return;
    const { token, ttlS, renewAfterS } = JSON.parse(text) as IdentityReply;
    const now = Date.now();
    const next: Identity = { ...withEarlier(identity, now), token, obtainedMs: now, ttlS, renewAfterS };
    // On disk first: what is shown once is what the head knows from then on.
    writeIdentity(stateDir, next);
    identity = next;
    shown = token;
    log.info({ renewAfterS }, 'the identity of this worker was renewed');
  };
  /** There is one plan: a refusal may come while the call of the one before is still under way. */
  const plan = (waitMs: number): void => {
    planned?.cancel();
    planned = null;
    if (isClosed) return;
    planned = after(waitMs * (1 + JITTER * Math.random()), () => {
      renew().then(
        () => plan(dueInMs(identity)),
        (err: unknown) => {
          log.warn({ err: whyFailed(err as Error) }, 'the identity could not be renewed yet; trying again');
          plan(RETRY_MS);
        },
      );
    });
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
      plan(FIRST_MS);
      return true;
    },
    renew,
    close() {
      isClosed = true;
      planned?.cancel();
    },
  };
}

function dueInMs({ obtainedMs, renewAfterS }: Identity): number {
  if (obtainedMs === undefined || renewAfterS === undefined) return FIRST_MS;
  return Math.max(FIRST_MS, obtainedMs + renewAfterS * 1000 - Date.now());
}

/** By this machine's clock: it may be wrong, and the head decides. */
export const hasExpired = ({ obtainedMs, ttlS }: Identity): boolean =>
  obtainedMs !== undefined && ttlS !== undefined && Date.now() > obtainedMs + ttlS * 1000;
