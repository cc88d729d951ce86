/** Reads the token that came with a request. */
import type { IncomingMessage } from 'node:http';

/** What the clients of SkyPilot insist on in front of a token. Ours begin with no such thing. */
const SKYPILOT = 'sky_';

/**
 * The cookie in which SkyPilot's client brings what its login by a browser gave it. The head sets no cookie in any
 * browser, so a page of somebody else's has none to send along; if one gets there all the same, a call with the Origin of
 * another page is refused (host-rules.ts), and no GET changes anything.
 */
export const TOKEN_COOKIE = 'drover_token';

/**
 * Bearer, or Basic with any user name and the token as password: clients that only know a URL send its user info so.
 * Behind `HTTP_PROXY` the same comes as Proxy-Authorization. Null: none came. Empty: something unusable came.
 */
export function tokenOf(request: IncomingMessage): string | null {
  const header = request.headers.authorization ?? request.headers['proxy-authorization'];
  if (header === undefined) return cookieOf(request);
  const space = header.indexOf(' ');
  const scheme = header.slice(0, space).toLowerCase();
  const value = header.slice(space + 1).trim();
  if (scheme === 'bearer') return value.startsWith(SKYPILOT) ? value.slice(SKYPILOT.length) : value;
  if (scheme !== 'basic') return '';
  const decoded = Buffer.from(value, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  // A URL such as http://TOKEN@head has the token as user name and no password.
  return colon < 0 ? decoded : decoded.slice(colon + 1) || decoded.slice(0, colon);
}

function cookieOf({ headers }: IncomingMessage): string | null {
  for (const pair of headers.cookie?.split(';') ?? []) {
    const equals = pair.indexOf('=');
    if (pair.slice(0, equals).trim() === TOKEN_COOKIE) return pair.slice(equals + 1).trim();
  }
  return null;
}

const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/;
/** True when the peer is on this machine. */
export const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && LOOPBACK.test(address);
