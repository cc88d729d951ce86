/** What the adapter's routes need beside the request, and who calls as its clients say it. */
import type { Actor, Engine, Files, Logger } from '@drover/engine';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Body } from './body.ts';
import type { Calls } from './calls.ts';
import type { Uploads } from './uploads.ts';

export interface Abort {
  readonly aborted: boolean;
  onAbort(fn: () => void): () => void;
}

/** What the head gives. */
export interface SkypilotOptions {
  readonly engine: Engine;
  readonly files: Files;
  /** A folder of our own, for uploads on their way. */
  readonly dir: string;
  readonly log: Logger;
  actorOf(request: FastifyRequest): Actor;
  abortOf(reply: FastifyReply): Abort;
}

export interface SkypilotContext extends SkypilotOptions {
  readonly calls: Calls;
  readonly uploads: Uploads;
}

/** The real clients send 8 hex digits; whatever could be a path or a line of its own is no id. */
const USER_ID = /^[A-Za-z0-9_-]{1,64}$/;
const USER_NAME = /^[^\p{Cc}]{1,64}$/u;

/** Under whom uploads are kept: the one whose token it is, else whom the client says. */
export const uploaderOf = (context: SkypilotOptions, request: FastifyRequest, claimed: string): string =>
  context.actorOf(request).user?.id ?? claimed;

/**
 * The caller. A token that is somebody's names them; with the one that all share, the client's variables do. GETs carry
 * none: then it is the bearer.
 */
export function callerOf(context: SkypilotOptions, request: FastifyRequest, body?: Body): Actor {
  const actor = context.actorOf(request);
  if (actor.user !== undefined) return actor;
  const variables = body?.object('env_vars') ?? {};
  const id = variables['SKYPILOT_USER_ID'];
  const name = variables['SKYPILOT_USER'];
  if (typeof id !== 'string' || !USER_ID.test(id)) return actor;
  const isName = typeof name === 'string' && USER_NAME.test(name);
  return { ...actor, user: { id, name: isName ? name : id } };
}
