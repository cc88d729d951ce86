/** PyLet's log route: one JSON object with a part of the log in base64. */
import type { InstanceRow } from '@drover/engine';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PyletContext } from './context.ts';
import { Refusal } from './errors.ts';
import { finder } from './find.ts';
import { queryInteger } from './parse.ts';

/**
 * The most bytes in one reply, and the default. PyLet's own default is 1 MiB, which cuts what its `logs()` shows; a
 * larger one is compatible.
 */
const MOST_BYTES = 16 * 1024 * 1024;
/** How often a stream that was cut is taken up again. */
const MOST_TRIES = 3;

export function logRoutes(scope: FastifyInstance, context: PyletContext): void {
  const find = finder(context);
  scope.get('/instances/:id/logs', async (request, reply) => {
    const query = request.query as Record<string, unknown>;
    // Out of range is brought into it, as PyLet does.
    const offset = Math.max(0, queryInteger(query, 'offset', 0));
    const limit = Math.max(0, queryInteger(query, 'limit', MOST_BYTES));
    const row = await find.byId(request);
    const part = await readPart(context, request, reply, row, offset, Math.min(limit, MOST_BYTES));
    return {
      available_offset: part.available,
      total_size: part.size,
      content: part.content.toString('base64'),
      size: part.content.length,
    };
  });
}

/**
 * Reads a part of a log, whole. A log moves from its worker to the archive at the end of the instance; a stream that is
 * cut by that move goes on at its offset.
 */
async function readPart(
  { engine, log, actorOf, abortOf }: PyletContext,
  request: FastifyRequest,
  reply: FastifyReply,
  row: InstanceRow,
  offset: number,
  limit: number,
): Promise<{ available: number; size: number; content: Buffer }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const abort = abortOf(reply);
  const read = async (from: number) => {
    const arrival = await engine.logs.read(actorOf(request), row.id, {
      offset: from,
      limit: limit - length,
      follow: false,
      abort,
    });
    try {
      for await (const chunk of arrival.bytes) {
        chunks.push(chunk);
        length += chunk.length;
      }
    } catch (err) {
      log.info({ instance: row.id, err }, 'a log stream broke off');
    }
    return arrival;
  };
  const first = await read(offset);
  const wanted = Math.min(limit, first.size - first.offset);
  for (let tries = 0; length < wanted && tries < MOST_TRIES && !abort.aborted; tries += 1)
    await read(first.offset + length);
  if (length < wanted) throw new Refusal(503, 'The log cannot be read now');
  return { available: first.available, size: first.size, content: Buffer.concat(chunks, wanted) };
}
