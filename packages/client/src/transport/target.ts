import { invalid } from '@drover/core';

/** Where a head listens and what opens it. */
export interface Target {
  /** Without user info, query and slash at the end. */
  readonly url: string;
  readonly token: string | undefined;
}

const TOKEN = /^[\x21-\x7e]+$/;

/**
 * Reads the address of a head: `http://host:port`, also below a path, also without the scheme (`host:port`).
 * User info (`http://any:TOKEN@host`) is taken as the token where no other is given; it never stays in the URL.
 * @throws {DroverError} INVALID_REQUEST with the field `url` or `token`; a token is never part of the message.
 */
export function parseTarget(address: string, token?: string): Target {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `http://${address}`;
  if (!URL.canParse(text)) throw invalid('url', 'the address of a head, such as http://127.0.0.1:3768');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalid('url', 'an http or https URL', url.protocol);
  }
  const inUrl = decodeURIComponent(url.password || url.username);
  const chosen = token ?? (inUrl === '' ? undefined : inUrl);
  if (chosen !== undefined && !TOKEN.test(chosen)) {
    throw invalid('token', 'printable ASCII characters without spaces');
  }
  return { url: `${url.origin}${url.pathname.replace(/(?<!\/)\/+$/, '')}`, token: chosen };
}

/** One value, several for a repeated key, or nothing. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | null | undefined>
>;

/** The query as it stands in a URL, with its question mark; empty when nothing is asked for. */
export function formatQuery(query: Query): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(key, String(one));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/**
 * A reference as one segment of a path.
 * @throws {DroverError} INVALID_REQUEST for what a URL would resolve to another path ("", "." and ".."): a delete of
 * "." would otherwise be a delete of all.
 */
export function segment(ref: string): string {
  if (typeof ref !== 'string' || ref === '' || ref === '.' || ref === '..') {
    throw invalid('ref', 'an id, a name, or the beginning of an id', ref);
  }
  return encodeURIComponent(ref);
}
