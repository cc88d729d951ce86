/** Clients that send, or read, so slowly that it is no use: none of them holds a place for ever. */
import { type AddressInfo, connect, type Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import type { App, RouteContext } from './app.ts';
import { eventRoutes } from './head.ts';
import { endSlowBodies } from './slow-bodies.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function served(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  open.unshift({ close: () => app.close() });
  return (app.server.address() as AddressInfo).port;
}

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  open.unshift({ close: () => socket.destroy() });
  return socket;
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));

/** A byte now and then, in a body that says it is long. */
function drip(port: number, type: string, path = '/'): Socket {
  const socket = dial(port);
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 100000\r\n\r\n`);
  const timer = setInterval(() => socket.write(' '), 5);
  socket.once('close', () => clearInterval(timer));
  return socket;
}

it('a body that comes byte by byte is cut off, of whatever type; one that is in time, and an upload, are not', async () => {
  const app = Fastify();
  endSlowBodies(app, 100);
  app.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null));
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, async () => 'a form');
  app.post('/', async () => 'read');
  app.post('/upload', { config: { rawBody: true } }, async () => 'read');
  const port = await served(app);
  const upload = drip(port, 'application/octet-stream', '/upload');
  const answer = new Promise((resolve) =>
    upload.once('data', (chunk) => resolve(String(chunk).slice(0, 15))),
  );
  const slow = ['application/json', 'Application/JSON; charset=x', 'application/x-www-form-urlencoded'].map(
    (type) => drip(port, type),
  );
  const quick = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect([quick.status, await answer]).toEqual([200, 'HTTP/1.1 200 OK']);
  await Promise.all(slow.map(closed));
  expect(upload.destroyed).toBe(false);
});

it('a body that no route reads, of a call that is answered without it, holds its connection no longer', async () => {
  const app = Fastify();
  endSlowBodies(app, 100);
  app.get('/', async () => 'read');
  const port = await served(app);
  const ask = (length: number, body: string): Socket => {
    const socket = dial(port);
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`);
    return socket;
  };
  const whole = ask(3, 'abc');
  const never = ask(100_000, 'abc');
  const gone = closed(never);
  expect(String(await new Promise((resolve) => never.once('data', resolve)))).toContain('200 OK');
  await gone;
  expect(whole.destroyed).toBe(false);
});

it('a stream of events that nobody reads is cut off when a megabyte of it waits', async () => {
  let write: (event: object) => void = () => undefined;
  let stopped = false;
  const follow = (_actor: unknown, _after: unknown, _query: unknown, fn: typeof write): (() => void) => {
    write = fn;
    return () => {
      stopped = true;
    };
  };
  const context = {
    engine: { events: { follow }, state: { rev: 1 } },
    actorOf: () => null,
    onStop: () => () => undefined,
  };
  const app = Fastify();
  app.setValidatorCompiler(() => (value) => ({ value }));
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  eventRoutes(app as unknown as App, context as unknown as RouteContext);
  const port = await served(app);
  const reader = dial(port);
  reader.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => reader.once('data', resolve));
  reader.pause();
  const gone = closed(reader);
  // Beside what waits at the head, the kernel takes some megabytes on both sides.
  let seq = 0;
  for (; !stopped && seq < 2_000; seq++) {
    write({ rev: 1, seq, noun: 'x', text: 'y'.repeat(64 * 1024) });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(stopped).toBe(true);
  expect(seq).toBeGreaterThan(16);
  reader.resume();
  await gone;
});
