/**
 * The worker's secret while it runs: renewed long before it expires, by the one that is good now. The earlier one is
 * kept beside it, for a head that was restored from an older copy knows only that.
 */
import type { IdentityReply } from '@drover/core/wire';
import type { Logger } from './agent/index.ts';
import { type Identity, writeIdentity } from './identity.ts';
import { type HeadAddress, type Secret, whyFailed } from './link/head-address.ts';
import { postJson } from './link/post-json.ts';

/** After a try that failed; and for an identity that does not say how old it is. */
const RETRY_MS = 600_000;
const FIRST_MS = 30_000;
/** So that a herd that joined at once does not come at once for ever. */
const JITTER = 0.2;

export interface KeptSecret extends Secret {
  /** The head did not take it: the next call shows the earlier one, if there is one, and then this one again. */
  refused(): void;
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
    const next: Identity = { ...identity, token, previous: shown, obtainedMs: Date.now(), ttlS, renewAfterS };
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
      const { token, previous } = identity;
      shown = shown === token ? (previous ?? token) : token;
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
