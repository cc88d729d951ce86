/**
 * By which names this head may be called, and from which pages. A site that lets its own name point to this machine (DNS
 * rebinding) comes with that name as Host; a page of another site comes with its Origin. Neither gets in, whatever token
 * or trusted address it would have. No answer ever has a CORS header.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DroverError, shorten } from '@drover/core';
import { nameCovers } from '../tls/certificate.ts';
import { hostOf, plainHost } from '../tls/names.ts';

export interface HostRules {
  /** @throws {DroverError} HOST_REFUSED, ORIGIN_REFUSED */
  check(request: Pick<IncomingMessage, 'headers' | 'socket'>): void;
}

/** The names of this head, beside every address and `localhost`. */
export interface KnownHosts {
  /** Of the machine, and those that were said by flag; `*.` stands for one label. */
  readonly names: readonly string[];
  /** Those of the certificate in use, which may change. */
  readonly certificateNames: () => readonly string[];
  /** Also its origin: behind a proxy with TLS a page of this head comes from there. */
  readonly advertiseUrl: string | null;
}

const HOST = /^(\[[\w.%]{0,64}:[\w:.%]{0,64}\]|[^:/?#@[\]\s]{1,255})(?::\d{1,5})?$/;

export function makeHostRules({ names, certificateNames, advertiseUrl }: KnownHosts): HostRules {
  const fixed = ['localhost', ...names.map(plainHost), ...hostOf(advertiseUrl)];
  const ownOrigin = advertiseUrl === null ? null : new URL(advertiseUrl).origin;
  const isKnown = (header: string): boolean => {
    const [, bare] = HOST.exec(header) ?? [];
    if (bare === undefined) return false;
    const host = plainHost(bare);
    return isIP(host) !== 0 || [...fixed, ...certificateNames()].some((name) => nameCovers(name, host));
  };
  return {
    check({ headers: { host, origin }, socket }) {
      // HTTP/1.0 may leave it out, and no browser does.
      if (host !== undefined && !isKnown(host))
        throw new DroverError('HOST_REFUSED', { host: shorten(host) });
      if (origin === undefined) return;
      const scheme = (socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http';
      const here = host === undefined ? null : originOf(`${scheme}://${host}`);
      const from = originOf(origin);
      if (from === null || (from !== here && from !== ownOrigin))
        throw new DroverError('ORIGIN_REFUSED', { origin: shorten(origin), host: shorten(host ?? '') });
    },
  };
}

/** As browsers write it: small letters, no port where it is the usual one. Null: there is none (`null`, a list, a path). */
function originOf(text: string): string | null {
  if (!/^https?:\/\/[^/?#@\s]+$/i.test(text) || !URL.canParse(text)) return null;
  return new URL(text).origin;
}
