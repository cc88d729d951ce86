/** What is read from a certificate: whether a pair belongs together, until when it is good, and for which names. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';

/** A certificate and its key, each as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A pair that can be served. */
export interface Served extends Pair {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Its names and addresses, small letters. */
  readonly names: readonly string[];
}

/** @param cert PEM, the head's own certificate first. @throws {Error} what is wrong with the two */
export function readPair({ cert, key }: Pair): Served {
  const leaf = parse('the certificate', () => new X509Certificate(cert));
  const privateKey = parse('the key', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) throw new Error('the key is not that of the certificate');
  parse('the pair', () => createSecureContext({ cert, key }));
  return {
    cert,
    key,
    fromMs: Date.parse(leaf.validFrom),
    untilMs: Date.parse(leaf.validTo),
    names: namesIn(leaf.subjectAltName ?? ''),
  };
}

function parse<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`${what} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/** `DNS:localhost, IP Address:127.0.0.1`. Names that need quotes are none of a head. */
const namesIn = (text: string): string[] =>
  text.split(', ').flatMap((entry) => {
    const [, kind, name = ''] = /^(DNS|IP Address):([^"]+)$/.exec(entry) ?? [];
    if (kind === undefined) return [];
    return [kind === 'DNS' ? name.toLowerCase() : plainAddress(name)];
  });

/** The shortest form of an IPv6 address, so that two can be compared. */
export function plainAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  return new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
}

/** Whether a certificate for `pattern` is good for a host: equal, or one label in place of the star. */
export function nameCovers(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && isIP(host) === 0 && host.slice(dot) === pattern.slice(1);
}
