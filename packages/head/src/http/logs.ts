/** `/v1/instances/{ref}/logs`: raw bytes, with back-pressure to the worker's stream only. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { logQuery } from '@drover/core/wire';
import { z } from 'zod';
import type { App, RouteContext } from './app.ts';

export function logRoutes(app: App, { engine, actorOf, abortOf, log }: RouteContext): void {
  app.get(
    '/v1/instances/:ref/logs',
    {
      schema: {
        summary: 'The log: raw bytes from offset, or the last tail bytes; follow goes on until the end',
        params: z.object({ ref: z.string().max(600) }),
        querystring: logQuery,
        produces: ['application/octet-stream'],
      },
    },
    async (request, reply) => {
      const { follow, ...range } = request.query;
      const arrival = await engine.logs.read(actorOf(request), request.params.ref, {
        ...range,
        follow: follow === 'true',
        abort: abortOf(reply),
      });
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        'content-type': 'application/octet-stream',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'drover-log-offset': String(arrival.offset),
        'drover-log-available': String(arrival.available),
        'drover-log-size': String(arrival.size),
      });
      // A follower wants to know at once that the stream stands.
      raw.flushHeaders();
      await pipeline(Readable.from(arrival.bytes, { objectMode: false }), raw).catch((err: unknown) => {
        log.info({ requestId: request.id, err }, 'a log reader went away');
        raw.destroy();
      });
    },
  );
}
