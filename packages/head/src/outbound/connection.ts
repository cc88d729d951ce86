/** One connection out, and one exchange on it. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { OutboundCall, OutboundReply } from '@drover/engine';
import type { Target } from './target.ts';

const MOST_HEADER_BYTES = 16 * 1024;

/** Waits until a socket is open. It is destroyed when that fails, or when the time is over. */
export function opened<T extends Socket>(
  socket: T,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => void socket.destroy(signal.reason as Error);
    const settle = (): void => signal.removeEventListener('abort', stop);
    signal.addEventListener('abort', stop, { once: true });
    socket.once(event, () => {
      settle();
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', (error) => {
      settle();
      reject(error);
    });
    if (signal.aborted) stop();
  });
}

/** Sends the call and reads the whole answer, of whatever status. The socket is not used again. */
export function exchange(
  call: OutboundCall,
  { url }: Target,
  socket: Socket,
  signal: AbortSignal,
): Promise<OutboundReply> {
  return new Promise((resolve, reject) => {
    const body = call.body === undefined ? null : Buffer.from(call.body as Uint8Array);
    const asked = request({
      method: call.method,
      path: `${url.pathname}${url.search}`,
      headers: {
        'user-agent': 'drover',
        accept: '*/*',
        'accept-encoding': 'identity',
        ...call.headers,
        host: url.host,
        connection: 'close',
        ...(body !== null && { 'content-length': body.length }),
      },
      createConnection: () => socket,
      maxHeaderSize: MOST_HEADER_BYTES,
      signal,
    });
    asked.once('error', reject);
    asked.once('response', (reply) => {
      readWhole(reply, call.mostBytes).then(
        (bytes) => resolve({ status: reply.statusCode ?? 0, headers: singly(reply.headers), body: bytes }),
        reject,
      );
    });
    asked.end(body ?? undefined);
  });
}

async function readWhole(reply: IncomingMessage, most: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) throw new Error(`its answer has more than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `set-cookie` alone comes as a list, and nobody here keeps cookies. */
const singly = ({ 'set-cookie': _, ...headers }: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
