/** Which names and addresses a head has. */

import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { nameCovers, plainAddress } from './certificate.ts';

/** Where a head can be reached, as it was told. */
export interface HeadNames {
  /** The address to listen on. */
  readonly host: string;
  readonly advertiseUrl: string | null;
  /** Further names of its certificate. */
  readonly tlsNames: readonly string[];
}

const LOCAL = ['localhost', '127.0.0.1', '::1'];
const DNS = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const MOST_CHARACTERS = 253;

/** Small letters, without brackets and the dot at the end; an address in its shortest form. */
export function plainHost(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return isIP(bare) === 0 ? bare.replace(/\.$/, '') : plainAddress(bare);
}

/** Whether a certificate can bear it. @param name as {@link plainHost} returned it */
export const isName = (name: string): boolean =>
  isIP(name) !== 0 || (name.length <= MOST_CHARACTERS && DNS.test(name));

/** Listening there means to listen on every address of the machine. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** The name of this machine, as it calls itself. */
export const machineName = (): string => plainHost(hostname());

/** The host of a URL, or nothing. */
export const hostOf = (url: string | null): string[] =>
  url === null ? [] : [plainHost(new URL(url).hostname)];

/** All that the head's own certificate bears, each once. @throws {Error} for a name that was said and cannot be borne */
export function certificateNames({ host, advertiseUrl, tlsNames }: HeadNames): string[] {
  for (const name of tlsNames)
    if (!isName(plainHost(name)))
      throw new Error(`--tls-name ${name}: a certificate can bear names and addresses only`);
  const bound = isWildcard(host) ? addressesOfHere(host) : [host];
  const all = [...LOCAL, ...bound, machineName(), ...hostOf(advertiseUrl), ...tlsNames].map(plainHost);
  return [...new Set(all)].filter(isName);
}

/** Those under which others reach this machine; an address of one link alone (fe80::) is of no use to them. */
function addressesOfHere(host: string): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ family, internal, scopeid }) => !internal && !scopeid && (host === '::' || family === 'IPv4'))
    .map(({ address }) => address)
    .sort();
}

/**
 * The host under which the head calls itself: what it listens on, or where its certificate does not bear that, a name
 * that it bears: that of `--advertise-url`, else its first. Without TLS every host will do.
 */
export function ownHost({ host, advertiseUrl }: HeadNames, names: readonly string[] | null): string {
  const bound = isWildcard(host) ? '127.0.0.1' : plainHost(host);
  if (names === null || names.some((name) => nameCovers(name, bound))) return bound;
  const advertised = hostOf(advertiseUrl).find((each) => names.some((name) => nameCovers(name, each)));
  return advertised ?? names.find((name) => !name.startsWith('*.')) ?? bound;
}
