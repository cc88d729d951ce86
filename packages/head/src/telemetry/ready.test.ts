import Fastify, { type FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import type { App, RouteContext } from '../http/app.ts';
import { setErrorHandler } from '../http/errors.ts';
import { readyRoute } from './ready.ts';

let stalled: string | null;
let stop: () => void;
let app: FastifyInstance;
beforeEach(() => {
  stalled = null;
  app = Fastify();
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  setErrorHandler(app, quiet, 1024);
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  const context = {
    engine: {
      state: {
        get stalled() {
          return stalled;
        },
      },
    },
    onStop(fn: () => void) {
      stop = fn;
      return () => undefined;
    },
  } as unknown as RouteContext;
  readyRoute(app as unknown as App, context);
});

const ask = async (): Promise<{ status: number; code: unknown; text: string }> => {
  const reply = await app.inject({ method: 'GET', url: '/readyz' });
  return { status: reply.statusCode, code: reply.json().error?.code, text: reply.body };
};

describe('GET /readyz', () => {
  it('is 200 while the store takes writes', async () => {
    expect((await ask()).status).toBe(200);
  });

  it('is 503 while the store refuses, and does not say where it lies', async () => {
    stalled = 'no space left on /secret/place';
    const reply = await ask();
    expect([reply.status, reply.code]).toEqual([503, 'STORE_FULL']);
    expect(reply.text).not.toContain('secret');
    stalled = null;
    expect((await ask()).status).toBe(200);
  });

  it('is 503 as soon as the head is told to stop', async () => {
    stop();
    const reply = await ask();
    expect([reply.status, reply.code]).toEqual([503, 'SHUTTING_DOWN']);
  });
});
