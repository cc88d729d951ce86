/** What the adapter's routes need beside the request, and who calls as its clients say it. */
import { invalid, type Role } from '@drover/core';
import { type Actor, type Bearer, BUILTIN_ADMIN, type Engine, type Files, type Logger } from '@drover/engine';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Body } from './body.ts';
import type { Calls, Reader } from './calls.ts';
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
  /** In which a login by a browser gives its client a token. */
  readonly cookie: string;
  actorOf(request: FastifyRequest): Actor;
  /** By whose token the call came; null: by the head's own. */
  bearerOf(request: FastifyRequest): Bearer | null;
  /** The projects that the caller may come into, by name, and what it may do there. */
  projectsOf(request: FastifyRequest): readonly { readonly name: string; readonly role: Role }[];
  /** The caller in that project, where it may do what the route needs. @throws {DroverError} FORBIDDEN, PROJECT_NOT_FOUND */
  within(request: FastifyRequest, project: string): Actor;
  /** That the caller may do what the route needs in one of its projects at least. @throws {DroverError} FORBIDDEN */
  somewhere(request: FastifyRequest): void;
  /** The call tells of what that project has: it ends when the project is closed to it. @throws {DroverError} PROJECT_NOT_FOUND */
  looksInto(request: FastifyRequest, project: string): void;
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
 * The caller, in the workspace that the call names: our projects. A token that is somebody's names them; with the one
 * that all share, the client's variables do. GETs carry none: then it is the bearer.
 * @param workspace the one that is meant, whatever the body says; null or left out: that of the body
 * @throws {DroverError} FORBIDDEN, PROJECT_NOT_FOUND
 */
export function callerOf(
  context: SkypilotOptions,
  request: FastifyRequest,
  body?: Body,
  workspace: string | null = null,
): Actor {
  const meant = workspace ?? body?.object('override_skypilot_config')['active_workspace'] ?? null;
  const actor = inWorkspace(context, request, meant);
  if (actor.user !== undefined) return actor;
  const claim = body && claimOf(body);
  return claim ? { ...actor, user: claim } : actor;
}

/** Who the client says its user is; null: nobody, or what can be no id. */
export function claimOf(body: Body): { readonly id: string; readonly name: string } | null {
  const { SKYPILOT_USER_ID: id, SKYPILOT_USER: name } = body.object('env_vars');
  if (typeof id !== 'string' || !USER_ID.test(id)) return null;
  const isName = typeof name === 'string' && USER_NAME.test(name);
  return { id, name: isName ? name : id };
}

/** @param workspace null: none is named @throws {DroverError} FORBIDDEN, PROJECT_NOT_FOUND */
export function inWorkspace(context: SkypilotOptions, request: FastifyRequest, workspace: unknown): Actor {
  const project = workspace ?? context.actorOf(request).project;
  if (typeof project !== 'string') throw invalid('active_workspace', 'a string', project);
  // Also where none is named: the door has asked for less than the route may need.
  return context.within(request, project);
}

/** Where requests are looked for: calls that name one by its id name no workspace. */
export const reachOf = (context: SkypilotOptions, request: FastifyRequest): ReadonlySet<string> =>
  new Set(context.projectsOf(request).map(({ name }) => name));

/** Whose an answer is that is for nobody else: one token's, as another of the same user may be narrower. */
export const askerOf = (context: SkypilotOptions, request: FastifyRequest): string =>
  context.bearerOf(request)?.token.id ?? BUILTIN_ADMIN;

/** Who fetches calls, or lists them. */
export const readerOf = (context: SkypilotOptions, request: FastifyRequest): Reader => ({
  projects: reachOf(context, request),
  asker: askerOf(context, request),
});
