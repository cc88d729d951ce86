/** PyLet's log route: one JSON object with a part of the log in base64. */
import type { FastifyInstance } from 'fastify';
import { finder } from './instances.ts';
import { queryInteger, Unprocessable } from './parse.ts';
import type { PyletContext } from './register.ts';

/**
 * The most bytes in one reply, and the default. PyLet's own default is 1 MiB, which cuts what its `logs()` shows; a
 * larger one is compatible.
 */
const MOST_BYTES = 16 * 1024 * 1024;

export function logRoutes(scope: FastifyInstance, context: PyletContext): void {
  const find = finder(context);
  scope.get('/instances/:id/logs', async (request, reply) => {
    const query = request.query as Record<string, unknown>;
    const offset = queryInteger(query, 'offset', 0);
    const limit = queryInteger(query, 'limit', MOST_BYTES);
    const negative = offset < 0 ? 'offset' : limit < 0 ? 'limit' : null;
    if (negative) {
      const problem = {
        type: 'greater_than_equal',
        loc: ['query', negative],
        msg: 'Input should be greater than or equal to 0',
        input: query[negative],
      };
      throw new Unprocessable([problem], null);
    }
    const row = await find.byId(request);
    const arrival = await context.engine.logs.read(context.actorOf(request), row.id, {
      offset,
      limit: Math.min(limit, MOST_BYTES),
      follow: false,
      abort: context.abortOf(reply),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of arrival.bytes) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    return {
      available_offset: arrival.available,
      total_size: arrival.size,
      content: content.toString('base64'),
      size: content.length,
    };
  });
}
