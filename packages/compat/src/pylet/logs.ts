/** PyLet's log route: one JSON object with a part of the log in base64. */
import type { InstanceRow } from '@drover/engine';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PyletContext } from './context.ts';
import { finder } from './find.ts';
import { queryInteger } from './parse.ts';

/**
 * The most bytes in one reply, and the default. PyLet's own default is 1 MiB, which cuts what its `logs()` shows; a
 * larger one is compatible.
 */
const MOST_BYTES = 16 * 1024 * 1024;

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

/** Reads a part of a log; the engine goes on in the archive when the log moves there meanwhile. */
async function readPart(
  { engine, actorOf, abortOf }: PyletContext,
  request: FastifyRequest,
  reply: FastifyReply,
  row: InstanceRow,
  offset: number,
  limit: number,
): Promise<{ available: number; size: number; content: Buffer }> {
  const range = { offset, limit, follow: false, abort: abortOf(reply) };
  const arrival = await engine.logs.read(actorOf(request), row.id, range);
  const chunks: Uint8Array[] = [];
  for await (const chunk of arrival.bytes) chunks.push(chunk);
  return { available: arrival.available, size: arrival.size, content: Buffer.concat(chunks) };
}
