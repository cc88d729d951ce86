import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepSecret } from './secret.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-secret-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('is renewed by the present one, on disk before it is shown; a head that does not know it gets the one before', async () => {
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
    previous: 'drvw_1',
    ttlS: 100,
    renewAfterS: 50,
  });
  secret.refused();
  expect(secret.token).toBe('drvw_1');
  secret.refused();
  expect(secret.token).toBe('drvw_2');
  secret.close();
  await new Promise((resolve) => server.close(resolve));
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
