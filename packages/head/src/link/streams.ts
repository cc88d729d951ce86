/** Where workers dial their bulk streams: `PUT /v1/link/streams/{ticket}`. */
import { DroverError, invalid } from '@drover/core';
import { z } from 'zod';
import type { App, RouteContext } from '../http/app.ts';

export function streamRoutes(app: App, { engine, guard }: RouteContext): void {
  app.register(async (scope) => {
    // Raw bytes: nothing is gathered, whoever asked reads from the socket.
    scope.addContentTypeParser('application/octet-stream', async () => undefined);
    (scope as unknown as App).put(
      '/v1/link/streams/:ticket',
      {
        config: { access: 'worker' },
        schema: {
          summary: "A worker's bulk stream",
          hide: true,
          params: z.object({ ticket: z.string().max(100) }),
        } as never,
      },
      async (request, reply) => {
        const { raw } = request;
        const { ticket } = request.params as { ticket: string };
        const extent = (name: string): number => {
          const value = Number(raw.headers[name]);
          if (!Number.isSafeInteger(value) || value < 0)
            throw invalid(name, 'a whole number that is not negative', raw.headers[name]);
          return value;
        };
        const arrival = {
          offset: extent('drover-log-offset'),
          available: extent('drover-log-available'),
          size: extent('drover-log-size'),
        };
        const done = new Promise<void>((resolve) => raw.once('close', resolve));
        const bytes = takeAll(raw);
        if (
          !engine.streams.arrive(guard.worker(raw), ticket, {
            ...arrival,
            bytes,
            cancel: () => raw.destroy(),
          })
        ) {
          throw new DroverError('ROUTE_NOT_FOUND', {
            method: 'PUT',
            path: 'this stream: nobody waits for it',
          });
        }
        await Promise.race([done, new Promise<void>((resolve) => raw.once('end', resolve))]);
        return reply.status(204).send();
      },
    );
  });
}

/** The bytes of the request; throws when it was cut before its end. A reader that stops early cuts it. */
async function* takeAll(raw: import('node:http').IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of raw) yield chunk as Uint8Array;
    if (!raw.complete) throw new Error('the stream was cut');
  } finally {
    if (!raw.complete) raw.destroy();
  }
}
