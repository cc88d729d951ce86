/** How a call becomes a request: its id goes into a header, and its answer or error waits under it. */
import { DroverError, isDroverError } from '@drover/core';
import type { Actor, RequestRow } from '@drover/engine';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Body } from './body.ts';
import type { Answer, CallStart } from './calls.ts';
import { callerOf, type SkypilotContext } from './context.ts';

/** One call of a client. */
export interface Asked {
  readonly verb: string;
  readonly body: Body;
  readonly actor: Actor;
  readonly cluster: string | null;
}

/** The first two releases of 0.9 know the second name only. */
export function sayRequest(reply: FastifyReply, id: string): void {
  reply.header('x-skypilot-request-id', id).header('x-request-id', id);
}

/** @param workspace the one that is meant, whatever its configuration says; null or left out: that one */
export function askedOf(
  context: SkypilotContext,
  request: FastifyRequest,
  verb: string,
  workspace: string | null = null,
): Asked {
  const body = Body.of(request);
  const actor = callerOf(context, request, body, workspace);
  return { verb, body, actor, cluster: body.optionalText('cluster_name') };
}

/** A call that reads: its answer is worked out beside, and is not kept for long. */
export async function answerLater(
  { calls }: SkypilotContext,
  reply: FastifyReply,
  said: CallStart,
  work: () => Promise<Answer> | Answer,
): Promise<void> {
  const call = calls.start(said, async () => await work());
  sayRequest(reply, call.id);
  await reply.type('application/json').send('null');
}

/**
 * A call that changes something. What `work` writes is a request, or its error becomes one that has failed; only what
 * may go well in a moment is an error of the call itself.
 */
export async function submit(
  { engine }: SkypilotContext,
  reply: FastifyReply,
  { verb, actor, cluster }: Asked,
  work: () => Promise<RequestRow> | RequestRow,
): Promise<void> {
  let row: RequestRow;
  try {
    row = await work();
  } catch (error) {
    if (!isDroverError(error) || isPassing(error)) throw error;
    row = engine.work.requests.record(actor, { verb, cluster }, { error });
  }
  await engine.state.durable(row.rev);
  sayRequest(reply, row.id);
  await reply.type('application/json').send('null');
}

/** A change that is complete at once. */
export async function change(
  context: SkypilotContext,
  reply: FastifyReply,
  asked: Asked,
  work: () => Promise<unknown> | unknown,
): Promise<void> {
  const { verb, actor, cluster } = asked;
  await submit(context, reply, asked, async () => {
    const result = (await work()) ?? null;
    return context.engine.work.requests.record(actor, { verb, cluster }, { result });
  });
}

/** The clients try these again by themselves. */
export const isPassing = (error: DroverError): boolean =>
  error.status === 503 || error.code === 'TOO_MANY_REQUESTS';

/** What is not built yet, in the words of the command. */
export const notBuilt = (what: string): DroverError =>
  new DroverError('NOT_SUPPORTED', { rule: `${what} are not supported by this head yet` });
