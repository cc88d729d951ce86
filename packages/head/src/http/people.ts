/** `/v1/users` and `/v1/projects`: thin translation between HTTP and the engine. */
import {
  memberBody,
  projectCreate,
  projectList,
  projectPatch,
  projectView,
  userCreate,
  userList,
  userPatch,
  userView,
} from '@drover/core/wire';
import { z } from 'zod';
import { placeOf, projectsOf } from '../auth/guard.ts';
import { type App, type RouteContext, SMALL_BODY_BYTES } from './app.ts';

const refParams = z.object({ ref: z.string().max(64).describe('A name, or an id.') });
const nameParams = z.object({ name: z.string().max(64).describe('The name of a project.') });
const memberParams = nameParams.extend({
  user: z.string().max(64).describe('The name of a user, or its id.'),
});

export function userRoutes(app: App, { engine, actorOf }: RouteContext): void {
  const { users } = engine;

  app.post(
    '/v1/users',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'admin' },
      schema: {
        operationId: 'usersCreate',
        summary: 'Make a user, or a service account',
        description: 'It can call when it has a token: see `POST /v1/tokens`.',
        errors: ['USER_EXISTS', 'TOO_MANY_REQUESTS'],
        body: userCreate,
        response: { 201: userView },
      },
    },
    async (request, reply) => {
      const row = users.create(actorOf(request), request.body);
      await engine.state.durable();
      return reply.status(201).send(users.view(row));
    },
  );
  app.get(
    '/v1/users',
    {
      config: { access: 'admin' },
      schema: { operationId: 'usersList', summary: 'List users, by name', response: { 200: userList } },
    },
    async () => {
      await engine.state.durableUnlessStalled(engine.state.tables.users.lastRev);
      return { items: users.list().map((row) => users.view(row)) };
    },
  );
  app.get(
    '/v1/users/:ref',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'usersGet',
        summary: 'One user',
        errors: ['USER_NOT_FOUND'],
        params: refParams,
        response: { 200: userView },
      },
    },
    async (request) => {
      const row = users.get(request.params.ref);
      await engine.state.durableUnlessStalled(row.rev);
      return users.view(row);
    },
  );
  app.patch(
    '/v1/users/:ref',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'admin' },
      schema: {
        operationId: 'usersChange',
        summary: 'Change what a user may do, disable it, or let it in again',
        description:
          'A disabled user keeps what it owns; none of its tokens is taken from the next call on, and what is open with them ends.',
        errors: ['USER_NOT_FOUND'],
        params: refParams,
        body: userPatch,
        response: { 200: userView },
      },
    },
    async (request) => {
      const row = users.change(actorOf(request), request.params.ref, request.body);
      await engine.state.durable();
      return users.view(row);
    },
  );
  app.delete(
    '/v1/users/:ref',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'usersDelete',
        summary: 'Delete a user and its tokens',
        description: 'What it made stays, under its name.',
        errors: ['USER_NOT_FOUND'],
        params: refParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      users.delete(actorOf(request), request.params.ref);
      await engine.state.durable();
      return reply.status(204).send(null);
    },
  );
}

export function projectRoutes(app: App, { engine, actorOf }: RouteContext): void {
  const { projects, users } = engine;

  app.post(
    '/v1/projects',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'admin' },
      schema: {
        operationId: 'projectsCreate',
        summary: 'Make a project',
        errors: ['PROJECT_EXISTS', 'TOO_MANY_REQUESTS'],
        body: projectCreate,
        response: { 201: projectView },
      },
    },
    async (request, reply) => {
      const row = projects.create(actorOf(request), request.body);
      await engine.state.durable();
      return reply.status(201).send(projects.view(row, 'admin'));
    },
  );
  app.get(
    '/v1/projects',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'projectsList',
        summary: 'List the projects that the caller may come into',
        response: { 200: projectList },
      },
    },
    async (request) => {
      await engine.state.durableUnlessStalled(engine.state.tables.projects.lastRev);
      const mine = projectsOf(engine, request.bearer);
      return { items: mine.map(({ name, role }) => projects.view(projects.get(name), role)) };
    },
  );
  app.get(
    '/v1/projects/:name',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'projectsGet',
        summary: 'One project, with its quotas and what it has of them',
        errors: ['PROJECT_NOT_FOUND'],
        params: nameParams,
        response: { 200: projectView },
      },
    },
    async (request) => {
      const { role } = placeOf(engine, request.bearer, request.params.name);
      const row = projects.get(request.params.name);
      await engine.state.durableUnlessStalled(row.rev);
      return projects.view(row, role);
    },
  );
  app.patch(
    '/v1/projects/:name',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'admin' },
      schema: {
        operationId: 'projectsChange',
        summary: 'Change who comes in, and the quotas',
        description: 'What is there already stays, also above a lower quota.',
        errors: ['PROJECT_NOT_FOUND'],
        params: nameParams,
        body: projectPatch,
        response: { 200: projectView },
      },
    },
    async (request) => {
      const row = projects.change(actorOf(request), request.params.name, request.body);
      await engine.state.durable();
      return projects.view(row, 'admin');
    },
  );
  app.put(
    '/v1/projects/:name/members/:user',
    {
      bodyLimit: SMALL_BODY_BYTES,
      config: { access: 'admin' },
      schema: {
        operationId: 'projectsSetMember',
        summary: 'Let a user in, or change what it may do there',
        description: 'Nobody may do more in a project than its own role says.',
        errors: ['PROJECT_NOT_FOUND', 'USER_NOT_FOUND', 'TOO_MANY_REQUESTS'],
        params: memberParams,
        body: memberBody,
        response: { 200: projectView },
      },
    },
    async (request) => {
      const { name, user } = request.params;
      const row = projects.setMember(actorOf(request), name, users.get(user), request.body.role);
      await engine.state.durable();
      return projects.view(row, 'admin');
    },
  );
  app.delete(
    '/v1/projects/:name/members/:user',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'projectsRemoveMember',
        summary: 'A user is no member any more',
        errors: ['PROJECT_NOT_FOUND', 'USER_NOT_FOUND'],
        params: memberParams,
        response: { 200: projectView },
      },
    },
    async (request) => {
      const { name, user } = request.params;
      const row = projects.setMember(actorOf(request), name, users.get(user), null);
      await engine.state.durable();
      return projects.view(row, 'admin');
    },
  );
  app.delete(
    '/v1/projects/:name',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'projectsDelete',
        summary: 'Delete a project in which nothing is left to end',
        description: 'Its name is not given again.',
        errors: ['PROJECT_NOT_FOUND', 'PROJECT_NOT_EMPTY'],
        params: nameParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      projects.delete(actorOf(request), request.params.name);
      await engine.state.durable();
      return reply.status(204).send(null);
    },
  );
}
