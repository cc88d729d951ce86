/** Where workers dial their bulk streams: `PUT /v1/link/streams/{ticket}`. */
import type { IncomingMessage } from 'node:http';
import { DroverError, invalid } from '@drover/core';
import { z } from 'zod';
import type { App, RouteContext } from '../http/app.ts';
import { unframe } from './log-frames.ts';

/** How long a stream of a worker that is OFFLINE may be without a byte. */
const SILENT_MS = 2_000;

/**
 * A stream has no limit of time: a follower may wait for hours for the next byte. It ends with its connection (a peer
 * that lost its power is noticed by keep-alive), and with its worker: while that is OFFLINE, silence is not patience.
 */
export function streamRoutes(app: App, { engine, guard }: RouteContext): void {
  const isOffline = (workerId: string): boolean => {
    const status = engine.state.tables.workers.get(workerId)?.status;
    return status === undefined || status === 'OFFLINE';
  };
  app.register(async (scope) => {
    // Raw bytes: nothing is gathered, whoever asked reads from the socket.
    scope.addContentTypeParser('application/octet-stream', async () => undefined);
    (scope as unknown as App).put(
      '/v1/link/streams/:ticket',
      {
        config: { access: 'worker', rawBody: true },
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
        const workerId = guard.worker(raw);
        const whole = takeAll(raw, () => isOffline(workerId));
        const bytes = raw.headers['drover-log-frames'] === 'crc32' ? unframe(whole) : whole;
        if (
          !engine.streams.arrive(workerId, ticket, {
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
async function* takeAll(raw: IncomingMessage, isForlorn: () => boolean): AsyncGenerator<Uint8Array> {
  // Only while a byte is waited for: a slow reader is not the worker's silence.
  let waiting = true;
  let silent = 0;
  const watch = setInterval(() => {
    silent = waiting && isForlorn() ? silent + 1 : 0;
    if (silent > 1) raw.destroy(new Error('its worker is OFFLINE'));
  }, SILENT_MS);
  try {
    for await (const chunk of raw) {
      waiting = false;
      silent = 0;
      yield chunk as Uint8Array;
      waiting = true;
    }
    if (!raw.complete) throw new Error('the stream was cut');
  } finally {
    clearInterval(watch);
    if (!raw.complete) raw.destroy();
  }
}
