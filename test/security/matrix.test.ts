/**
 * Every route of the head, foreign adapters included, with every verb and every kind of caller. The routes come from the
 * head itself; `routes.txt` is what somebody has looked at: a new route is in it, with what it needs, or this fails.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAtLeast, ROLES, type Role } from '@drover/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinkClient } from '../../packages/head/src/testing/link-client.ts';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';

const VERBS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type Need = TestHead['routes'][number];

let head: TestHead;
let worker: LinkClient;
const tokens: Record<string, string> = {};

async function tokenOf(name: string, role: Role, more: object = {}): Promise<string> {
  const made = await head.call('POST', '/v1/users', { name, role });
  expect(made.status).toBe(201);
  return (await head.call('POST', '/v1/tokens', { user: name, ...more })).json.token;
}

beforeAll(async () => {
  head = await startTestHead();
  worker = await LinkClient.open(head);
  for (const role of ROLES) tokens[role] = await tokenOf(role === 'admin' ? 'root' : role, role);
  tokens.expired = await tokenOf('late', 'admin', { ttlS: 1 });
  tokens.disabled = await tokenOf('gone', 'admin');
  await head.call('PATCH', '/v1/users/gone', { status: 'DISABLED' });
  tokens.wrong = `drv_${'x'.repeat(40)}`;
  tokens.otherCluster = `drvw_${'y'.repeat(40)}`;
  tokens.worker = worker.token;
  // Until it is refused: its second has passed.
  for (let status = 200; status !== 401; ) status = (await call('GET', '/v1/whoami', tokens.expired)).status;
});
afterAll(async () => {
  worker?.ws.terminate();
  await head?.close();
});

/** Only the status: what is streamed, or held, is given up as soon as it has one. */
async function call(
  method: string,
  path: string,
  token: string | undefined,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const held = new AbortController();
  const hasBody = !['GET', 'HEAD', 'OPTIONS'].includes(method);
  const reply = await fetch(`${head.url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(hasBody && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(hasBody && { body: path === '/v1/join' ? JSON.stringify({ workerId: NOWHERE }) : '{}' }),
    signal: held.signal,
  });
  const isText = reply.headers.get('content-type')?.includes('json') === true;
  const text = isText ? await reply.text() : '';
  held.abort();
  return { status: reply.status, text };
}

const NOWHERE = '00000000-0000-4000-8000-000000000000';
const filled = (path: string): string => path.replaceAll(/:\w+/g, NOWHERE);
const isOpen = (access: Need['access']): access is 'none' | 'join' | 'code' =>
  ['none', 'join', 'code'].includes(access);
const keyOf = ({ method, path }: Need): string => `${method} ${path}`;
/** As `routes.txt` has it: at the door, and where the call acts, which its body says. */
const saidOf = ({ access, changesIn }: Need): string =>
  changesIn === null ? access : `${access}, user in ${changesIn}`;
/** Who has one role everywhere needs all of it. */
const roleOf = ({ access, changesIn }: Need): Need['access'] => (changesIn === null ? access : 'user');

/** Calls that are let in are made with nothing in them; these would take the ground from under the others. */
const LAST = new Set(['DELETE /v1/tokens/:ref']);

/** So many calls at once. */
const LANES = 8;
async function inLanes<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

describe('the table of routes', () => {
  it('is the one that was looked at: each route with what it needs', () => {
    const known = readFileSync(join(import.meta.dirname, 'routes.txt'), 'utf8')
      .trim()
      .split('\n')
      .sort();
    const found = head.routes
      .filter(({ method, path }) => method !== 'HEAD' && !path.startsWith('/compat/'))
      .map((need) => `${keyOf(need)} ${saidOf(need)}`)
      .sort();
    expect(found).toEqual(known);
  });

  it('asks the same of an adapter at the root and under its own prefix', () => {
    const at = new Map(head.routes.map((need) => [keyOf(need), saidOf(need)]));
    const mounted = head.routes.filter(({ path }) => path.startsWith('/compat/'));
    expect(mounted.length).toBeGreaterThan(100);
    for (const need of mounted) {
      const atRoot = at.get(`${need.method} ${need.path.replace(/^\/compat\/\w+/, '')}`);
      expect([need.path, atRoot]).toEqual([need.path, saidOf(need)]);
    }
  });

  it('opens nothing to everybody but whether the head lives and is ready, and what checks a code of its own: joining, a login that was approved', () => {
    const open = head.routes.filter(({ access }) => isOpen(access)).map(keyOf);
    expect(open.sort()).toEqual([
      'GET /api/v1/auth/token',
      'GET /compat/skypilot/api/v1/auth/token',
      'GET /healthz',
      'GET /readyz',
      'HEAD /healthz',
      'HEAD /readyz',
      'POST /v1/join',
    ]);
  });
});

describe('every route', () => {
  const strangers = ['none', 'wrong', 'expired', 'disabled', 'otherCluster'] as const;

  it.each(strangers)('refuses a caller with a token that is %s, and says no more', async (who) => {
    const rev = await revOf();
    const differs: unknown[] = [];
    await inLanes(head.routes, async (need) => {
      if (need.access === 'none' || need.access === 'code') return;
      const { status, text } = await call(need.method, filled(need.path), tokens[who]);
      if (status !== 401) differs.push([keyOf(need), status]);
      if (/expired|disabled/i.test(text) && need.access !== 'join') differs.push([keyOf(need), text]);
    });
    expect(differs).toEqual([]);
    expect(await revOf()).toBeLessThanOrEqual(rev + MOST_AUDITED);
  });

  it.each(['worker', 'viewer', 'user', 'admin'] as const)(
    'lets a %s do what it may, and nothing else',
    async (who) => {
      const differs: unknown[] = [];
      await inLanes(head.routes, async (need) => {
        if (isOpen(need.access) || LAST.has(keyOf(need))) return;
        const { status } = await call(need.method, filled(need.path), tokens[who]);
        const needed = roleOf(need);
        const may =
          who === 'worker'
            ? needed === 'worker'
            : needed !== 'worker' && !isOpen(needed) && isAtLeast(who, needed);
        const refused = status === 403 || status === 401;
        if (refused === may || status >= 500) differs.push([keyOf(need), saidOf(need), status]);
      });
      expect(differs).toEqual([]);
    },
  );

  it('answers no verb that it does not have: 404 or 405, for whoever asks', async () => {
    const differs: unknown[] = [];
    const has = new Set(head.routes.map(({ method, path }) => `${method} ${filled(path)}`));
    const patterns = head.routes.map(({ path, method }) => ({ method, parts: path.split('/') }));
    const matches = (method: string, path: string): boolean =>
      patterns.some(
        (each) =>
          each.method === method &&
          each.parts.length === path.split('/').length &&
          each.parts.every((part, at) => part.startsWith(':') || part === path.split('/')[at]),
      );
    const asked = [...new Set(head.routes.map((need) => filled(need.path)))]
      .filter((path) => !path.startsWith('/compat/'))
      .flatMap((path) =>
        VERBS.filter((verb) => !has.has(`${verb} ${path}`) && !matches(verb, path)).map(
          (verb) => [verb, path] as const,
        ),
      );
    expect(asked.length).toBeGreaterThan(400);
    await inLanes(asked, async ([verb, path]) => {
      for (const token of [undefined, tokens.admin]) {
        const { status } = await call(verb, path, token);
        if (status !== 404 && status !== 405) differs.push([verb, path, token === undefined, status]);
      }
    });
    expect(differs).toEqual([]);
  }, 20_000);
});

const revOf = async (): Promise<number> => (await head.call('GET', '/v1/head')).json.rev;
/** Of so many refusals the audit tells the first; the others within the minute are counted. */
const MOST_AUDITED = 3;
