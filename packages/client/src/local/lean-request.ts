/**
 * One HTTP call by `node:http(s)`, as far as the client needs it: no redirects, no cookies, nothing of the global `fetch`,
 * which loads for 80 ms and cannot be told whom to trust.
 */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { pemOfCa } from '@drover/core';

/**
 * @param ca the only authority that may have signed the certificate of an https address; null: those of this system
 * @returns the head of the reply; its body is still to be read
 * @throws what Node throws for a connection, a certificate, or an abort
 */
export async function leanRequest(
  input: string | URL,
  init: RequestInit,
  ca: string | null,
): Promise<IncomingMessage> {
  const url = new URL(input);
  const isSecure = url.protocol === 'https:';
  const request = isSecure ? (await import('node:https')).request : requestHttp;
  const { body } = init;
  if (body != null && typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new TypeError('a body is a text or bytes');
  const headers = {
    ...headersOf(init.headers),
    ...(body == null ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  };
  const options = {
    method: init.method ?? 'GET',
    headers,
    ...(init.signal ? { signal: init.signal } : {}),
    // Said, so that no variable of the environment takes it back.
    ...(isSecure && ca !== null ? { ca: pemOfCa(ca), rejectUnauthorized: true } : {}),
  };
  return await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, options, resolve)
      .on('error', reject)
      .end(body ?? undefined);
  });
}

function headersOf(given: RequestInit['headers']): Record<string, string> {
  if (given === undefined) return {};
  if (Symbol.iterator in given) return Object.fromEntries(given as Iterable<[string, string]>);
  return given as Record<string, string>;
}
