/** What the head says of itself, and the stream of events. */

import { invalid } from '@drover/core';
import { type EventView, eventQuery, headView } from '@drover/core/wire';
import { z } from 'zod';
import type { App, RouteContext } from './app.ts';

/** A reader that lets so much wait is cut off; it comes back with Last-Event-ID. */
const MOST_BUFFERED_BYTES = 1024 * 1024;
const KEEP_ALIVE_MS = 15_000;

const lastEventId = {
  'Last-Event-ID': {
    description: 'The id of the last event that was seen, or a bare revision.',
    schema: z
      .string()
      .regex(/^\d{1,15}(\.\d{1,15})?$/)
      .optional(),
  },
};

export function headRoutes(app: App, { engine, tls }: RouteContext): void {
  app.get(
    '/healthz',
    {
      exposeHeadRoute: true,
      config: { access: 'none' },
      schema: {
        operationId: 'headHealthz',
        summary: 'The head serves',
        response: { 200: z.object({ status: z.literal('ok') }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/v1/head',
    {
      config: { access: 'viewer' },
      schema: { operationId: 'headGet', summary: 'Herd, epoch, version, store', response: { 200: headView } },
    },
    async () => ({ ...(await engine.viewHead()), tls: tls?.view() ?? null }),
  );
}

export function eventRoutes(app: App, { engine, actorOf, onStop }: RouteContext): void {
  app.get(
    '/v1/events',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'eventsFollow',
        description:
          'Each event has `id` (`rev.seq`), `event` (the noun) and `data` (an `Event` as JSON). A comment line comes every 15 seconds. A client that comes back with `Last-Event-ID` misses none; when that is too old, RESYNC: list again and follow from now.',
        errors: ['RESYNC'],
        requestHeaders: lastEventId,
        replies: { 200: 'Events, until either side ends it.' },
        summary: 'Server-sent events, resumable by revision',
        querystring: eventQuery,
        produces: ['text/event-stream'],
      },
    },
    async (request, reply) => {
      const { after, seq } = resumeAt(request.headers['last-event-id'], request.query.after);
      const { raw } = reply;
      const early: EventView[] = [];
      let open = false;
      const write = (event: EventView): void => {
        if (event.seq <= seq) return;
        if (!open) {
          early.push(event);
          return;
        }
        raw.write(`id: ${event.rev}.${event.seq}\nevent: ${event.noun}\ndata: ${JSON.stringify(event)}\n\n`);
        if (raw.writableLength > MOST_BUFFERED_BYTES) raw.destroy();
      };
      // Before the header: too old a revision is a plain error.
      const stop = engine.events.follow(actorOf(request), after, request.query, write);
      reply.hijack();
      raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      raw.write(`: revision ${engine.state.rev}\n\n`);
      open = true;
      for (const event of early) write(event);
      const keepAlive = setInterval(() => raw.write(': here\n\n'), KEEP_ALIVE_MS);
      const forget = onStop(() => raw.end('event: stopping\ndata: {}\n\n'));
      raw.on('close', () => {
        clearInterval(keepAlive);
        stop();
        forget();
      });
    },
  );
}

/**
 * One revision can have several events, and a connection can break between two of them: an id names both, and what
 * comes back with one asks for the whole revision again, less what it has seen. A bare revision has been seen whole.
 */
function resumeAt(
  last: string | string[] | undefined,
  after: number | undefined,
): { after: number | undefined; seq: number } {
  if (last === undefined) return { after, seq: -1 };
  const [, rev, seq] = /^(\d{1,15})(?:\.(\d{1,15}))?$/.exec(String(last)) ?? [];
  if (rev === undefined) throw invalid('Last-Event-ID', 'the id of an event, or a revision number', last);
  if (seq === undefined) return { after: Number(rev), seq: -1 };
  return { after: Math.max(0, Number(rev) - 1), seq: Number(seq) };
}
