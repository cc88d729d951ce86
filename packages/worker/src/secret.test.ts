import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withEarlier } from './identity.ts';
import { keepSecret } from './secret.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-secret-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('is renewed by the present one, on disk before it is shown; a head that does not know it gets those before', async () => {
  const shown: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    shown.push(request.headers.authorization);
    response.end(JSON.stringify({ token: 'drvw_2', ttlS: 100, renewAfterS: 50 }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const head = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: null };
  const identity = { workerId: 'w', herd: 'h', token: 'drvw_1' };
  const secret = keepSecret({ stateDir: dir, head, identity, log });
  await secret.renew();
  expect([shown, secret.token]).toEqual([['Bearer drvw_1'], 'drvw_2']);
  expect(JSON.parse(readFileSync(join(dir, 'identity.json'), 'utf8'))).toMatchObject({
    workerId: 'w',
    token: 'drvw_2',
    earlier: [{ token: 'drvw_1' }],
    ttlS: 100,
    renewAfterS: 50,
  });
  expect(statSync(join(dir, 'identity.json')).mode & 0o777).toBe(0o600);
  expect([secret.refused(), secret.token]).toEqual([true, 'drvw_1']);
  expect([secret.refused(), secret.token]).toEqual([false, 'drvw_2']);
  secret.close();
  await new Promise((resolve) => server.close(resolve));
});

it('goes back to a head that knows only the third before, renews by that one, and loses none of the last 30 days', async () => {
  const DAY = 24 * 3_600_000;
  const server = createServer((request, response) => {
    const isKnown = request.headers.authorization === 'Bearer drvw_1';
    response
      .writeHead(isKnown ? 200 : 401)
      .end(JSON.stringify({ token: 'drvw_new', ttlS: 100, renewAfterS: 50 }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const head = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: null };
  const now = Date.now();
  const earlier = [3, 2, 1, 0].map((n, at) => ({
    token: `drvw_${n}`,
    obtainedMs: now - (n === 0 ? 31 : at + 1) * DAY,
  }));
  const identity = { workerId: 'w', herd: 'h', token: 'drvw_4', obtainedMs: now, earlier };
  const secret = keepSecret({ stateDir: dir, head, identity, log });
  while (secret.token !== 'drvw_1') expect(secret.refused()).toBe(true);
  await secret.renew();
  expect(secret.token).toBe('drvw_new');
  const kept = JSON.parse(readFileSync(join(dir, 'identity.json'), 'utf8'));
  expect(kept.earlier.map(({ token }: { token: string }) => token)).toEqual([
    'drvw_4',
    'drvw_3',
    'drvw_2',
    'drvw_1',
  ]);
  secret.close();
  await new Promise((resolve) => server.close(resolve));
});

it('keeps at most 40, and the one of an older file that kept a single one', () => {
  const now = Date.now();
  const earlier = Array.from({ length: 45 }, (_, at) => ({ token: `t${at}`, obtainedMs: now - at }));
  const base = { workerId: 'w', herd: 'h', token: 'now' };
  expect(withEarlier({ ...base, earlier }, now).earlier).toHaveLength(40);
  const read = withEarlier({ ...base, previous: 'before', obtainedMs: now }, now);
  expect(read.earlier?.map((each) => each.token)).toEqual(['now', 'before']);
  expect(read).not.toHaveProperty('previous');
});

it('stays as it is when the head refuses to renew it', async () => {
  const server = createServer((_request, response) => response.writeHead(401).end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const head = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: null };
  const secret = keepSecret({
    stateDir: dir,
    head,
    identity: { workerId: 'w', herd: 'h', token: 'drvw_1' },
    log,
  });
  await expect(secret.renew()).rejects.toThrow('401');
  expect(secret.token).toBe('drvw_1');
  secret.close();
  await new Promise((resolve) => server.close(resolve));
});

it('has one plan, also when the head refuses it while it is being renewed, and none when it is closed', async () => {
  const plans = new Set<() => void>();
  const after = (_ms: number, work: () => void) => {
    plans.add(work);
    return { cancel: () => void plans.delete(work) };
  };
  let heard: (answer: () => void) => void = () => undefined;
  const asked = new Promise<() => void>((resolve) => {
    heard = resolve;
  });
  const server = createServer((_request, response) => {
    const reply = JSON.stringify({ token: 'drvw_2', ttlS: 100, renewAfterS: 50 });
    heard(() => void response.end(reply));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const head = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: null };
  const earlier = [{ token: 'drvw_0', obtainedMs: Date.now() }];
  const identity = { workerId: 'w', herd: 'h', token: 'drvw_1', earlier };
  const secret = keepSecret({ stateDir: dir, head, identity, log, after });
  const [first = () => undefined] = plans;
  plans.clear();
  first();
  const answer = await asked;
  expect(secret.refused()).toBe(true);
  const [second] = plans;
  answer();
  // The one that was planned at the refusal is replaced by what the renewal says.
  await expect.poll(() => plans.size === 1 && !plans.has(second as () => void)).toBe(true);
  expect(secret.token).toBe('drvw_2');
  secret.close();
  expect(plans.size).toBe(0);
  expect(secret.refused()).toBe(true);
  expect(plans.size).toBe(0);
  await new Promise((resolve) => server.close(resolve));
});
