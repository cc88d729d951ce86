/** `fetch` that trusts one authority only, for a head with an authority of its own. */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { CA_RULE, invalid, parseCa } from '@drover/core';
import { leanRequest } from './lean-request.ts';

/** These have no body, and `Response` insists on it. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * For `new Client({ url, token, fetch: pinnedFetch(ca) })`: an https address is believed only if that authority has signed
 * its certificate, whatever this system trusts. Follows no redirect. `await findHead()` has one already where it is needed.
 * @param ca `ca_...`, or the text of a PEM file
 * @throws {DroverError} INVALID_REQUEST when it is neither
 */
export function pinnedFetch(ca: string): typeof globalThis.fetch {
  const authority = requireCa(ca, 'ca');
  return (async (input: string | URL, init: RequestInit = {}) => {
    const reply = await leanRequest(input, init, authority);
    const status = reply.statusCode ?? 0;
    const headers = Object.entries(reply.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    );
    if (WITHOUT_BODY.has(status)) reply.resume();
    const body = WITHOUT_BODY.has(status) ? null : (Readable.toWeb(reply) as ReadableStream<Uint8Array>);
    return new Response(body, { status, headers });
  }) as typeof globalThis.fetch;
}

/** @param field what the error names. @throws {DroverError} INVALID_REQUEST */
export function requireCa(text: string, field: string): string {
  const ca = parseCa(text);
  if (ca === null) throw invalid(field, CA_RULE, text);
  return ca;
}

/**
 * What a person gives for `--ca`, `DROVER_CA` or `ca`: the word itself, or the path of a PEM file.
 * @param base the folder that a path starts from; default: where this process is
 * @returns `ca_...`
 * @throws {DroverError} INVALID_REQUEST naming the field
 */
export async function readCa(given: string, field = 'ca', base = ''): Promise<string> {
  if (given.startsWith('ca_')) return requireCa(given, field);
  const path = isAbsolute(given) ? given : join(base, given);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw invalid(field, `${CA_RULE}; ${path} cannot be read (${error.code})`);
  });
  const ca = parseCa(text);
  if (ca === null) throw invalid(field, `${CA_RULE}; ${path} holds none`);
  return ca;
}
