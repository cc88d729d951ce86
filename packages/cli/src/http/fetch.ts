import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { leanRequest } from '@drover/client/lean-request';

/**
 * The part of `fetch` that the client uses, on `node:http`. The global one loads for 80 ms, which is more than all the
 * rest of a short command.
 * @param ca the only authority that an https head may be signed by; null: those of this system
 */
export function leanFetch(ca: string | null): typeof globalThis.fetch {
  return (async (input: string, init: RequestInit = {}) =>
    replyOf(await leanRequest(input, init, ca))) as unknown as typeof globalThis.fetch;
}

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
