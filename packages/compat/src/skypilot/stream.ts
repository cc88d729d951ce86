/** Streams of lines, as the clients take them: plain text, a heartbeat in the silence, and no orders from a user's output. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyReply } from 'fastify';
import type { SkypilotContext } from './context.ts';
import { VERSION_HEADERS } from './dialect.ts';

/** After so long without a line the clients are told that there is nothing yet. */
const HEARTBEAT_MS = 30_000;
const HEARTBEAT = '<sky-payload>"<heartbeat></heartbeat>"</sky-payload>\n';

/** What the clients would obey when it stands in a line: spinners, and a question that opens a socket. */
const WORDS = ['<sky-payload', '<sky-interactive'] as const;
const ORDER = Buffer.from('<sky-');
const ORDERS = /<sky-(?=payload|interactive)/g;
const LONGEST = Math.max(...WORDS.map((word) => word.length));
const NEWLINE = 0x0a;

/** Sends lines until there are no more; headers that were set before go with them. */
export async function sendLines(
  { log }: SkypilotContext,
  reply: FastifyReply,
  lines: AsyncIterable<Uint8Array>,
): Promise<void> {
  const headers = reply.getHeaders() as Record<string, string>;
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...headers,
    ...VERSION_HEADERS,
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  await pipeline(Readable.from(wholeLines(lines), { objectMode: false }), raw).catch((err: unknown) => {
    log.info({ requestId: reply.request.id, err }, 'a reader of lines went away');
    raw.destroy();
  });
}

/** A heartbeat of ours passes; the same words in a user's output do not. What follows the last line end is ended too. */
export async function* wholeLines(lines: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let last = NEWLINE;
  let held: Uint8Array = new Uint8Array(0);
  for await (const chunk of lines) {
    if (chunk.length === 0) continue;
    if (beats.has(chunk)) {
      yield chunk;
      continue;
    }
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const end = bytes.length - begunAtEnd(bytes);
    held = bytes.slice(end);
    if (end === 0) continue;
    last = bytes[end - 1] as number;
    yield harmless(bytes.subarray(0, end));
  }
  if (held.length > 0) yield held;
  if (held.length > 0 || last !== NEWLINE) yield Buffer.of(NEWLINE);
}

/** How many bytes at the end may be the beginning of an order, the rest of which comes with the next chunk. */
function begunAtEnd(bytes: Uint8Array): number {
  const tail = Buffer.from(bytes.subarray(-LONGEST)).toString('latin1');
  const at = tail.lastIndexOf('<');
  const begun = at < 0 ? '' : tail.slice(at);
  return WORDS.some((word) => word !== begun && word.startsWith(begun)) ? begun.length : 0;
}

/** The heartbeats that were made here, which are no output. */
const beats = new WeakSet<Uint8Array>();

function harmless(chunk: Uint8Array): Uint8Array {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (!bytes.includes(ORDER)) return chunk;
  return Buffer.from(bytes.toString('latin1').replace(ORDERS, '< sky-'), 'latin1');
}

/** The lines, and a heartbeat whenever none has come for a while. */
export async function* withHeartbeat(lines: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = lines[Symbol.asyncIterator]();
  let next = source.next();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), HEARTBEAT_MS);
        timer.unref();
      });
      const result = await Promise.race([next, silence]);
      clearTimeout(timer);
      if (result === null) {
        yield beat();
        continue;
      }
      if (result.done) return;
      yield result.value;
      next = source.next();
    }
  } finally {
    // One that is waiting ends by its own abort: nobody waits for it here.
    void Promise.resolve(source.return?.()).catch(() => undefined);
  }
}

function beat(): Uint8Array {
  const chunk = new TextEncoder().encode(HEARTBEAT);
  beats.add(chunk);
  return chunk;
}
