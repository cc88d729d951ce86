import type { RequestRow } from '@drover/engine';
import type { FastifyRequest } from 'fastify';
import type { Call } from './calls.ts';
import { readerOf, type SkypilotContext } from './context.ts';

/**
 * By id or its beginning, in every project of the caller: who asks for a request by its id names no workspace. The call
 * ends when the project of what it has found is closed to it; the others are nothing to it.
 * @throws {DroverError} REQUEST_NOT_FOUND, AMBIGUOUS, PROJECT_NOT_FOUND
 */
export async function findRequest(
  context: SkypilotContext,
  request: FastifyRequest,
  ref: string,
): Promise<RequestRow | Call> {
  const reader = readerOf(context, request);
  const { requestReads } = context.engine.work;
  const found =
    context.calls.find(reader, ref) ??
    (await requestReads.resolve(context.actorOf(request), ref, reader.projects));
  context.looksInto(request, found.project);
  return found;
}
