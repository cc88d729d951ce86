import { type IncomingMessage, request as requestHttp } from 'node:http';
import { buffer } from 'node:stream/consumers';

/**
 * The part of `fetch` that the client uses, on `node:http`. The global one loads for 80 ms, which is more than all the
 * rest of a short command.
 */
export const leanFetch = (async (input: string, init: RequestInit = {}): Promise<unknown> => {
  const url = new URL(input);
  const request = url.protocol === 'https:' ? (await import('node:https')).request : requestHttp;
  const { body } = init;
  if (body != null && typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new TypeError('a body is a text or bytes');
  const headers = {
    ...(init.headers as Record<string, string> | undefined),
    ...(body == null ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  };
  const options = { method: init.method ?? 'GET', headers, ...(init.signal ? { signal: init.signal } : {}) };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, options, resolve)
      .on('error', reject)
      .end(body ?? undefined);
  });
  return replyOf(response);
}) as unknown as typeof globalThis.fetch;

/** As much of a `Response` as the client looks at. */
function replyOf(response: IncomingMessage): object {
  const status = response.statusCode ?? 0;
  const iterator = (): AsyncIterator<Uint8Array> => response[Symbol.asyncIterator]();
  return {
    status,
    ok: status >= 200 && status < 300,
    headers: {
      get(name: string): string | null {
        const value = response.headers[name.toLowerCase()];
        return Array.isArray(value) ? value.join(', ') : (value ?? null);
      },
    },
    text: async () => (await buffer(response)).toString('utf8'),
    body: {
      getReader() {
        const chunks = iterator();
        return {
          read: () => chunks.next(),
          cancel: async () => void response.destroy(),
        };
      },
    },
  };
}
