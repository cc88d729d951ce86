/** Addresses of names, from the name servers of this machine. */
import { Resolver } from 'node:dns/promises';

/** All addresses of a name, of both families. @throws when there are none */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

const ANSWER_MS = 2_000;
const TRIES = 2;

/**
 * Asks the name servers themselves: other than `getaddrinfo` this can be given up, and holds none of the few threads on
 * which the process reads its files. So /etc/hosts and search domains count for nothing.
 * @param servers left out: those of the system
 */
export function nameServers(servers?: readonly string[]): Resolve {
  return async (name, signal) => {
    const resolver = new Resolver({ timeout: ANSWER_MS, tries: TRIES });
    if (servers) resolver.setServers(servers);
    const stop = (): void => resolver.cancel();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      const found = [four, six].flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
      if (found.length === 0 && four.status === 'rejected') throw four.reason;
      return found;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
}
