import type { RequestRow } from '@drover/engine';
import type { FastifyRequest } from 'fastify';
import type { Call } from './calls.ts';
import { reachOf, type SkypilotContext } from './context.ts';

/**
 * By id or its beginning, in every project of the caller: who asks for a request by its id names no workspace.
 * @throws {DroverError} REQUEST_NOT_FOUND, AMBIGUOUS
 */
export async function findRequest(
  context: SkypilotContext,
  request: FastifyRequest,
  ref: string,
): Promise<RequestRow | Call> {
  const reach = reachOf(context, request);
  const call = context.calls.find(reach, ref);
  return call ?? (await context.engine.work.requestReads.resolve(context.actorOf(request), ref, reach));
}
