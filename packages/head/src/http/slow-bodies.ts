/** A JSON body that does not come to its end: whoever sends a byte now and then holds no place for ever. */
import type { FastifyInstance } from 'fastify';

/** 4 MiB, the largest, within this time: some 140 KB a second. */
const BODY_MS = 30_000;

/** Uploads and streams are not JSON; those who read them have limits of their own. */
export function endSlowBodies(app: FastifyInstance, bodyMs: number = BODY_MS): void {
  app.addHook('preParsing', (request, _reply, payload, done) => {
    if (request.headers['content-type']?.startsWith('application/json')) {
      const timer = setTimeout(() => request.raw.destroy(), bodyMs);
      const stop = (): void => clearTimeout(timer);
      payload.once('end', stop).once('close', stop);
    }
    done(null, payload);
  });
}
