/** `/v1/instances/{ref}/logs`: raw bytes, with back-pressure to the worker's stream only. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { logQuery } from '@drover/core/wire';
import { z } from 'zod';
import type { App, RouteContext } from './app.ts';
import { INSTANCE_REF } from './instances.ts';

export function logRoutes(app: App, { engine, actorOf, abortOf, log }: RouteContext): void {
  app.get(
    '/v1/instances/:ref/logs',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'instancesLogs',
        description:
          'Bytes as the command wrote them, stdout and stderr in order. Offsets count from its first byte and never shift; when the log exceeds its cap the oldest bytes go.',
        errors: ['INSTANCE_NOT_FOUND', 'AMBIGUOUS', 'LOG_NOT_FOUND', 'LOG_UNAVAILABLE'],
        replyHeaders: {
          'Drover-Log-Offset': 'Offset of the first byte that is sent.',
          'Drover-Log-Available': 'Offset of the oldest byte that is kept.',
          'Drover-Log-Size': 'Bytes written so far.',
        },
        replies: { 200: 'The bytes.' },
        summary: 'The log: raw bytes from offset, or the last tail bytes; follow goes on until the end',
        params: z.object({ ref: z.string().max(600).describe(INSTANCE_REF) }),
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
