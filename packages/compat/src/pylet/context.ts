/** What the adapter's routes need beside the request. */
import type { Actor, Engine, Logger } from '@drover/engine';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface PyletContext {
  readonly engine: Engine;
  readonly log: Logger;
  /** lenient: CPU and memory of PyLet's instances are recorded and not held, as its users are used to. */
  readonly accounting: 'strict' | 'lenient';
  actorOf(request: FastifyRequest): Actor;
  abortOf(reply: FastifyReply): { readonly aborted: boolean; onAbort(fn: () => void): void };
}
