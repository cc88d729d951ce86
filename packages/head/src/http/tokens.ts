/** `/v1/whoami`, `/v1/tokens` and `/v1/audit`: thin translation between HTTP and the engine. */
import { DroverError } from '@drover/core';
import {
  auditPage,
  auditQuery,
  tokenCreate,
  tokenList,
  tokenListQuery,
  tokenMade,
  type Whoami,
  whoami,
} from '@drover/core/wire';
import { type Bearer, BUILTIN_ADMIN, type UserRow } from '@drover/engine';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { projectsOf } from '../auth/guard.ts';
import { type App, type RouteContext, SMALL_BODY_BYTES } from './app.ts';

export function whoamiRoutes(app: App, { engine, actorOf }: RouteContext): void {
  app.get(
    '/v1/whoami',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'headWhoami',
        summary: 'Who calls, for which project, and what that one may do',
        response: { 200: whoami },
      },
    },
    async (request): Promise<Whoami> => {
      const { bearer } = request;
      const { project, role = 'viewer', user } = actorOf(request);
      const { id, name } = user ?? { id: BUILTIN_ADMIN, name: BUILTIN_ADMIN };
      await engine.state.durableUnlessStalled(engine.state.tables.tokens.lastRev);
      return {
        user: { id, name, kind: bearer?.user.kind ?? 'builtin', role: bearer?.user.role ?? 'admin' },
        project,
        role,
        token: bearer && engine.tokens.view(bearer.token),
        projects: projectsOf(engine, bearer),
      };
    },
  );
}

export function tokenRoutes(app: App, { engine, actorOf }: RouteContext): void {
  const { tokens } = engine;
  app.post(
    '/v1/tokens',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'viewer' },
      schema: {
        operationId: 'tokensCreate',
        summary: 'Make a token',
        description:
          'This reply is the only one that shows it. A token that is narrowed, to a role or a project, makes no others.',
        errors: ['FORBIDDEN', 'USER_NOT_FOUND', 'PROJECT_NOT_FOUND', 'TOO_MANY_REQUESTS'],
        body: tokenCreate,
        response: { 201: tokenMade },
      },
    },
    async (request, reply) => {
      const { row, token } = tokens.create(actorOf(request), request.bearer, request.body);
      await engine.state.durable();
      return reply.status(201).send({ ...tokens.view(row), token });
    },
  );
  app.get(
    '/v1/tokens',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'tokensList',
        summary: "List the caller's tokens, newest first; an admin may ask for those of all users",
        description: 'A token that is narrowed sees only itself.',
        errors: ['FORBIDDEN'],
        querystring: tokenListQuery,
        response: { 200: tokenList },
      },
    },
    async (request) => {
      const whose = owned(request, request.query.allUsers);
      await engine.state.durableUnlessStalled(engine.state.tables.tokens.lastRev);
      const own = narrowed(request.bearer);
      const rows = tokens.list(whose).filter(({ id }) => own === null || id === own.token.id);
      return { items: rows.map((row) => tokens.view(row)) };
    },
  );
  app.delete(
    '/v1/tokens/:ref',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'tokensRevoke',
        summary: 'Revoke a token: from the next call on nobody takes it, and what is open with it ends',
        description: "One's own; an admin may revoke anybody's; a token that is narrowed, only itself.",
        errors: ['TOKEN_NOT_FOUND', 'AMBIGUOUS'],
        params: z.object({
          ref: z.string().max(64).describe('An id, or its beginning; `current`: the one of this call.'),
        }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const { ref } = request.params;
      const { bearer } = request;
      if (ref === 'current' && bearer === null) throw new DroverError('TOKEN_NOT_FOUND', { ref });
      const own = narrowed(bearer);
      if (own !== null && !isCalled(own, ref)) throw new DroverError('TOKEN_NOT_FOUND', { ref });
      const isAdmin = actorOf(request).role === 'admin';
      const id = bearer && (own !== null || ref === 'current') ? bearer.token.id : ref;
      tokens.revoke(actorOf(request), isAdmin ? null : userOf(bearer), id);
      await engine.state.durable();
      return reply.status(204).send(null);
    },
  );
}

/** The caller, if what it brought was lent with less than its user may: that one knows of no other tokens. */
const narrowed = (bearer: Bearer | null): Bearer | null =>
  bearer !== null && (bearer.token.role !== null || bearer.token.scope !== null) ? bearer : null;

const isCalled = ({ token }: Bearer, ref: string): boolean =>
  ref === 'current' || token.id === ref || (ref.length >= 4 && token.id.startsWith(ref));

/** Null: those of all. @throws {DroverError} FORBIDDEN */
function owned({ bearer, actor }: FastifyRequest, allUsers: boolean): UserRow | null {
  if (bearer === null) return null;
  if (allUsers && (actor?.role !== 'admin' || narrowed(bearer) !== null))
    throw new DroverError('FORBIDDEN', {}, { message: 'only admins see the tokens of all users' });
  return allUsers ? null : bearer.user;
}

/** @throws {Error} never for a caller that is no admin: those come with a token of their own */
function userOf(bearer: Bearer | null): UserRow {
  if (bearer === null) throw new Error('a caller without a user is no admin');
  return bearer.user;
}

export function auditRoutes(app: App, { engine }: RouteContext): void {
  app.get(
    '/v1/audit',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'auditList',
        summary: 'What people did and what was denied to whom, newest first',
        description: 'A page may be short, or empty, and not be the last: go on while `nextCursor` is there.',
        querystring: auditQuery,
        response: { 200: auditPage },
      },
    },
    async (request) => engine.audit.list(request.query),
  );
}
