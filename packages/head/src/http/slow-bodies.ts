/** A body that does not come to its end: whoever sends a byte now and then holds no place for ever. */
import type { FastifyInstance } from 'fastify';
import { hasBody } from '../auth/door.ts';

/** 4 MiB, the largest, within this time: some 140 KB a second. */
const BODY_MS = 30_000;
/** Their bodies are read by no route: the answer does not wait for them, and their connection not for ever. */
const WITHOUT: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Holds for every route but those with `rawBody`: they read uploads and streams themselves, with limits of their own.
 * Whatever type the body is said to have.
 */
export function endSlowBodies(app: FastifyInstance, bodyMs: number = BODY_MS): void {
  app.addHook('preParsing', (request, _reply, payload, done) => {
    if (!WITHOUT.has(request.method) && hasBody(request) && request.routeOptions.config.rawBody !== true) {
      const timer = setTimeout(() => request.raw.destroy(), bodyMs);
      const stop = (): void => clearTimeout(timer);
      payload.once('end', stop).once('close', stop);
    }
    done(null, payload);
  });
  app.addHook('onResponse', (request, _reply, done) => {
    const { raw } = request;
    if (WITHOUT.has(request.method) && hasBody(request) && !raw.complete) {
      const timer = setTimeout(() => raw.destroy(), bodyMs);
      raw.once('close', () => clearTimeout(timer));
    }
    done();
  });
}
