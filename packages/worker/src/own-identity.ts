/** Who this worker is when it starts: what lies on disk, or what a join token gets. */
import type { Logger } from './agent/index.ts';
import { HeadUntrusted, type Identity, JoinRefused, joinHerd } from './identity.ts';
import type { HeadAddress } from './link/head-address.ts';
import { hasExpired } from './secret.ts';

/**
 * One that has expired by this machine's clock joins again, where there is a token. The clock may be wrong, and the token
 * one that was used long ago and stayed in the environment: when it is refused, the head judges the identity itself.
 * @param known what lies on disk
 * @throws {JoinRefused} when there is no identity and none can be had
 */
export async function ownIdentity(
  known: Identity | null,
  options: {
    readonly stateDir: string;
    readonly head: HeadAddress;
    readonly joinToken: string | null;
    readonly name: string | null;
    readonly log: Logger;
  },
): Promise<Identity> {
  const { stateDir, head, joinToken, name, log } = options;
  if (known !== null && !hasExpired(known)) return known;
  if (joinToken === null) {
    if (known === null)
      throw new JoinRefused(
        'this worker has no identity yet: pass --join-token (make one with "drover join-token create")',
      );
    log.error(
      {},
      'the identity of this worker has expired: start it once with --join-token, and it is itself again',
    );
    return known;
  }
  const onRetry = (why: string): void =>
    log.warn({ headUrl: head.url, why }, 'cannot join yet; trying again');
  try {
    return await joinHerd({ stateDir, head, joinToken, name, expired: known, onRetry });
  } catch (error) {
    if (known === null || !(error instanceof JoinRefused) || error instanceof HeadUntrusted) throw error;
    log.warn(
      { why: error.message },
      'the identity of this worker has expired by the clock of this machine, and the join token is refused; the head is asked with that identity',
    );
    return known;
  }
}
