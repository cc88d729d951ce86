/** What of a user's URL is judged before anybody is asked for its address. */
import { isIP } from 'node:net';
import { DroverError, shorten } from '@drover/core';

/** Where a call goes. */
export interface Target {
  readonly url: URL;
  readonly isSecure: boolean;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

const MOST_CHARACTERS = 2048;
/**
 * Below 1024 only those of HTTP. Above it what answers to HTTP in another language: the ports that browsers refuse
 * (WHATWG Fetch, "bad port"), Redis and memcached.
 */
const LOW_PORTS: ReadonlySet<number> = new Set([80, 443]);
const OTHER_LANGUAGES: ReadonlySet<number> = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679,
  6697, 10080, 11211,
]);

/**
 * The parts that a URL is called by. Other spellings of an address (decimal, octal, hexadecimal, full width) are the
 * address here: they are judged by what they mean. @throws {DroverError} OUTBOUND_REFUSED
 */
export function parseOutboundUrl(text: string): Target {
  if (text.length > MOST_CHARACTERS)
    throw refused('the URL', `it has more than ${MOST_CHARACTERS} characters`);
  // Parsers differ over these, and what differs is how one address is judged and another one called.
  if (/[\s\\\p{Cc}]/u.test(text))
    throw refused('the URL', 'it holds a space, a backslash or a control character');
  if (!URL.canParse(text)) throw refused('the URL', 'it is none: say https://HOST/PATH');
  const url = new URL(text);
  const isSecure = url.protocol === 'https:';
  if (!isSecure && url.protocol !== 'http:')
    throw refused(shorten(url.protocol), 'only http and https are spoken');
  if (url.username !== '' || url.password !== '')
    throw refused(url.origin, 'a user name or password stands in the URL, which many may read');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '' || /^\.|\.\.|%/.test(host)) throw refused(url.origin, 'its host is no name and no address');
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
  if (port < 1024 ? !LOW_PORTS.has(port) : OTHER_LANGUAGES.has(port))
    throw refused(url.origin, `port ${port} is for another protocol`);
  if (isIP(host) === 0 && /(^|\.)localhost\.?$/.test(host)) throw refused(url.origin, 'it is this machine');
  return { url, isSecure, host, port };
}

/** @param where as much of the URL as anybody may read: no path, no query */
export const refused = (where: string, rule: string): DroverError =>
  new DroverError('OUTBOUND_REFUSED', { where, rule });
