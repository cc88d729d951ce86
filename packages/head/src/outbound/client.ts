/**
 * The one client for URLs that users give. It asks for the addresses of the name itself, judges every one of them, and
 * opens a connection to exactly one that it has judged: a name that answers differently a moment later changes nothing.
 * Each call has a connection of its own; it follows no redirect, speaks through no proxy, keeps no cookie.
 */
import { isIP, connect as openTcp, type Socket } from 'node:net';
import { connect as openTls } from 'node:tls';
import { DroverError, isDroverError } from '@drover/core';
import type { Outbound, OutboundCall } from '@drover/engine';
import { makeAddressRule } from './addresses.ts';
import { exchange, opened } from './connection.ts';
import { nameServers, type Resolve } from './names.ts';
import { parseOutboundUrl, refused, type Target } from './target.ts';

export interface OutboundOptions {
  /** Networks that the operator opens besides the public internet: `10.1.0.0/16`, `fd12::/48`, or one address. */
  readonly allow: readonly string[];
  /** Left out: the name servers of the system. */
  readonly resolve?: Resolve;
  /** PEM of the authorities to trust; left out: those that Node trusts. */
  readonly ca?: string;
}

/** Name, connection and TLS together. */
const CONNECT_MS = 5_000;
const MOST_TIMEOUT_MS = 60_000;
/** One that does not answer costs the others their time. */
const MOST_ADDRESSES_TRIED = 3;
const MOST_AT_ONCE = 100;
/** They say how this very connection is used, or to whom: that is no matter of who asks for the call. */
const OWN_HEADERS =
  /^(host|connection|content-length|transfer-encoding|upgrade|expect|te|trailer|keep-alive|cookie|proxy-.*)$/i;

export function openOutbound({ allow, resolve = nameServers(), ca }: OutboundOptions): Outbound {
  const ruleFor = makeAddressRule(allow);
  let underWay = 0;

  const judge = (target: Target, addresses: readonly string[]): void => {
    for (const address of addresses) {
      const rule = ruleFor(address);
      if (rule !== null) throw refused(target.url.origin, `${target.host} is ${address}, and ${rule}`);
    }
  };
  const check = ({ url, headers = {} }: Pick<OutboundCall, 'url' | 'headers'>): Target => {
    const target = parseOutboundUrl(url);
    if (isIP(target.host) !== 0) judge(target, [target.host]);
    const own = Object.keys(headers).find((name) => OWN_HEADERS.test(name));
    if (own !== undefined) throw refused(target.url.origin, `the header ${own} cannot be set`);
    return target;
  };

  /** Tries some of the addresses in turn; all were judged, also those that it does not come to. */
  const connect = async (target: Target, signal: AbortSignal): Promise<Socket> => {
    const isAddress = isIP(target.host) !== 0;
    const addresses = isAddress ? [target.host] : await ended(resolve(target.host, signal), signal);
    judge(target, addresses);
    let failure: unknown = new Error('its name has no address');
    for (const address of addresses.slice(0, MOST_ADDRESSES_TRIED)) {
      try {
        return await opened(openTcp({ host: address, port: target.port }), 'connect', signal);
      } catch (error) {
        failure = error;
        if (signal.aborted) break;
      }
    }
    throw failure;
  };
  const secure = async (target: Target, socket: Socket, signal: AbortSignal): Promise<Socket> => {
    const name = isIP(target.host) === 0 ? { servername: target.host } : { host: target.host };
    return await opened(
      openTls({ socket, ...name, ...(ca !== undefined && { ca }) }),
      'secureConnect',
      signal,
    );
  };

  return {
    check(url) {
      check({ url });
    },
    async call(call) {
      const target = check(call);
      if (underWay >= MOST_AT_ONCE)
        throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_AT_ONCE, what: 'calls out at once' });
      underWay += 1;
      const time = new TimeLimits(Math.min(call.timeoutMs, MOST_TIMEOUT_MS));
      let socket: Socket | null = null;
      try {
        socket = await connect(target, time.signal);
        if (target.isSecure) socket = await secure(target, socket, time.signal);
        time.connected();
        return await exchange(call, target, socket, time.signal);
      } catch (error) {
        if (isDroverError(error)) throw error;
        const rule = ruleOf(time.signal.aborted ? time.signal.reason : error);
        throw new DroverError('OUTBOUND_FAILED', { where: target.url.origin, rule }, { cause: error });
      } finally {
        time.clear();
        socket?.destroy();
        underWay -= 1;
      }
    },
  };
}

/** The time for the whole, and the shorter one until there is a connection. */
class TimeLimits {
  readonly #stop = new AbortController();
  readonly #whole: NodeJS.Timeout;
  readonly #early: NodeJS.Timeout;

  constructor(wholeMs: number) {
    this.#whole = this.#after(wholeMs, `it took more than ${wholeMs} ms`);
    this.#early = this.#after(CONNECT_MS, `there was no connection within ${CONNECT_MS} ms`);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  #after(ms: number, rule: string): NodeJS.Timeout {
    return setTimeout(() => this.#stop.abort(new Error(rule)), ms);
  }

  connected(): void {
    clearTimeout(this.#early);
  }

  clear(): void {
    clearTimeout(this.#whole);
    clearTimeout(this.#early);
  }
}

/** What a promise gives, or the reason for which nobody waits for it any longer. */
async function ended<T>(wanted: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => undefined;
  const given = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([wanted, given]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** In our words where it is frequent; the code else: messages of the system name addresses. */
function ruleOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return message;
  return PLAIN[code] ?? (/CERT|SIGNED|VERIFY|ALTNAME|SSL|TLS/.test(code) ? `its TLS: ${code}` : code);
}
const PLAIN: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name has no address',
  ENODATA: 'its name has no address',
  ESERVFAIL: 'the name servers have no answer',
  ETIMEOUT: 'the name servers do not answer',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it ended the connection',
  HPE_HEADER_OVERFLOW: 'the header of its answer is too long',
};
