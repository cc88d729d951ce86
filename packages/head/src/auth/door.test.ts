/** The door by itself, with a guard that says what the test wants. */
import { DroverError } from '@drover/core';
import Fastify, { type FastifyInstance } from 'fastify';
import { beforeEach, expect, it } from 'vitest';
import { makeDoor } from './door.ts';

let app: FastifyInstance;
let told: string[];
/** How often the guard still lets the caller in. */
let welcome: number;
let made: number;

beforeEach(async () => {
  [told, welcome, made] = [[], Number.POSITIVE_INFINITY, 0];
  const engine = {
    audit: {
      deny: ({ name }: { name: string }, { code, route }: { code: string; route: string }) =>
        told.push(`${name} ${code} ${route}`),
    },
    state: { subscribe: () => () => undefined },
  };
  const actor = { kind: 'person', name: 'ana', project: 'lab', role: 'user' };
  const guard = {
    identify: () => ({ actor, bearer: null, key: 'ana' }),
    admit(_: unknown, caller: unknown) {
      welcome -= 1;
      if (welcome < 0) throw new DroverError('FORBIDDEN');
      return caller;
    },
    within() {
      throw new DroverError('PROJECT_NOT_FOUND', { ref: 'x' });
    },
  };
  const door = makeDoor(engine as never, guard as never, null);
  app = Fastify();
  app.decorateRequest('actor', null);
  app.decorateRequest('bearer', null);
  app.addHook('onRequest', async (request) => {
    if (request.headers.host === 'evil') throw new DroverError('HOST_REFUSED', { host: 'evil' });
  });
  door.install(app);
  app.post('/make', async () => {
    made += 1;
    return 'made';
  });
  app.register(async (scope) => {
    scope.setErrorHandler(async (error, _request, reply) =>
      reply.status(418).send({ detail: (error as Error).message }),
    );
    scope.get('/thrown', async () => {
      throw new DroverError('FORBIDDEN');
    });
    scope.get('/within', async (request) => door.within(request, 'x'));
    scope.get('/kept', async (request) => {
      try {
        return door.within(request, 'x');
      } catch {
        return 'it will be told as the outcome of a request';
      }
    });
    scope.get('/wrong', async () => {
      throw new DroverError('INVALID_REQUEST', { field: 'x', rule: 'y' });
    });
  });
});

it.each([
  ['thrown by a hook', '/thrown', 'evil', ['nobody HOST_REFUSED /thrown']],
  [
    'thrown by a route of a scope with an error handler of its own',
    '/thrown',
    'x',
    ['ana FORBIDDEN /thrown'],
  ],
  ['of another project', '/within', 'x', ['ana PROJECT_NOT_FOUND /within']],
  ['of another project, kept by the route', '/kept', 'x', ['ana PROJECT_NOT_FOUND /kept']],
  ['that is none: it asks for what is wrong', '/wrong', 'x', []],
])('a denial is told once: one %s', async (_, url, host, lines) => {
  await app.inject({ url, headers: { host } });
  expect(told).toEqual(lines);
});

it('a denial of the door itself is told once, with the name of who was refused', async () => {
  welcome = 0;
  expect((await app.inject({ url: '/thrown' })).statusCode).toBe(418);
  expect(told).toEqual(['ana FORBIDDEN /thrown']);
});

it('who has lost its right while its body came makes nothing; a call without a body is asked once', async () => {
  welcome = 1;
  const late = await app.inject({ method: 'POST', url: '/make', payload: { a: 1 } });
  expect([late.statusCode, made, told]).toEqual([403, 0, ['ana FORBIDDEN /make']]);
  welcome = 1;
  expect((await app.inject({ method: 'POST', url: '/make' })).body).toBe('made');
});
