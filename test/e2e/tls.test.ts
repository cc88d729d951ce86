/** TLS on the real programs: who is trusted, what is said to those who are not, and another certificate while it runs. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Client } from 'drover';
import { pinnedFetch } from 'drover/local';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseCa } from '../../packages/core/src/authority.ts';
import { newAuthority, newLeaf } from '../../packages/head/src/tls/x509.ts';
import { Stopper } from '../../packages/worker/src/agent/index.ts';
import { headFiles } from '../../packages/worker/src/files/index.ts';
import { DROVER, end, RealHerd, startProgram, until } from './real-herd.ts';

const DAY_MS = 86_400_000;
const authority = await newAuthority(Date.now());
const ca = parseCa(authority.cert) ?? '';
const other = parseCa((await newAuthority(Date.now())).cert) ?? '';

let herd: RealHerd;
let places: { cert: string; key: string; ca: string };

/** Puts a new certificate in place of the one before, as a renewal does. */
async function renew(): Promise<void> {
  const leaf = await newLeaf(authority, ['127.0.0.1', 'head.test'], Date.now(), DAY_MS);
  for (const [path, text] of [
    [places.cert, leaf.cert],
    [places.key, leaf.key],
  ] as const) {
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

beforeAll(async () => {
  herd = new RealHerd();
  places = { cert: herd.stateOf('cert.pem'), key: herd.stateOf('key.pem'), ca: herd.stateOf('ca.pem') };
  writeFileSync(places.ca, authority.cert);
  await renew();
  herd.headFlags.push('--tls-cert', places.cert, '--tls-key', places.key, '--tls-ca', places.ca);
  await herd.startHead();
  await herd.addWorker('w', ['--ca', ca]);
});
afterAll(() => herd.close());

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One command line of a user who knows no head but by what is said here. */
function drover(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const home = herd.stateOf('home');
  mkdirSync(home, { recursive: true });
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], HOME: home, ...env } };
    execFile(DROVER, [...args], options, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

/** The serial number of the certificate that a new connection is shown. */
function shownSerial(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(herd.url).port), ca: authority.cert });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
      socket.destroy();
    });
  });
}

it('a worker that trusts the authority of its head joins and runs an instance, with its log', async () => {
  const { id } = await herd.client.instances.submit({ command: 'echo over TLS; exit 3' });
  const ended = await herd.client.instances.wait(id);
  expect([ended.status, ended.exitCode, await herd.client.instances.logText(id)]).toEqual([
    'FAILED',
    3,
    'over TLS\n',
  ]);
  expect(JSON.parse(readFileSync(join(herd.stateOf('w'), 'identity.json'), 'utf8'))).toMatchObject({ ca });
});

it('the command line works through a context with that authority, and not by another', async () => {
  const token = herd.stateOf('token');
  writeFileSync(token, herd.token, { mode: 0o600 });
  const made = ['config', 'set-context', 'lab', '--url', herd.url, '--token-file', token, '--ca', places.ca];
  expect((await drover(made)).code).toBe(0);
  const seen = await drover(['worker', 'list', '--json', '--context', 'lab']);
  expect(JSON.parse(seen.out)).toMatchObject([{ name: 'w', status: 'ONLINE' }]);
  const refused = await drover(['worker', 'list', '--context', 'lab', '--ca', other]);
  expect(refused).toMatchObject({ code: 5, out: '' });
  expect(refused.err).toMatch(/cannot be verified: .* not signed by an authority .* --ca or DROVER_CA/);
});

it('a worker that is told another authority is refused at once, and has sent no token', async () => {
  const { token } = await herd.client.joinTokens.create({ uses: 1 });
  const join = ['worker', '--state', herd.stateOf('x'), '--head', herd.url, '--ca', other];
  const refused = await drover(join, { DROVER_JOIN_TOKEN: token });
  expect(refused.code).toBe(5);
  expect(refused.err).toMatch(/cannot be verified: .* --ca or DROVER_CA/);
  expect((await herd.client.joinTokens.list()).filter(({ used }) => used === 0)).toHaveLength(1);
});

it('files come to a worker, and a program with the SDK calls, by the same trust alone', async () => {
  const { token } = JSON.parse(readFileSync(join(herd.stateOf('w'), 'identity.json'), 'utf8'));
  const { url } = herd;
  const stop = new Stopper();
  const fileOf = (ca: string | null) => headFiles({ url, ca }, { token }).tree('0'.repeat(64), stop);
  await expect(fileOf(ca)).rejects.toThrow('no tree 0000');
  for (const wrong of [other, null]) await expect(fileOf(wrong)).rejects.toThrow('--ca or DROVER_CA');
  const client = new Client({ url, token: herd.token, fetch: pinnedFetch(other) });
  await expect(client.head.get()).rejects.toMatchObject({ code: 'HEAD_UNTRUSTED' });
  await expect(new Client({ url, token: herd.token }).head.get()).rejects.toMatchObject({
    code: 'HEAD_UNTRUSTED',
  });
});

it('who calls it without TLS is told to say https', async () => {
  const plain = herd.url.replace('https:', 'http:');
  const { code, err } = await drover(['ps', '--head', plain, '--token', herd.token]);
  expect([code, err]).toEqual([2, 'drover: this port speaks TLS: say https:// instead of http://\n']);
  const status = await new Promise((resolve) => http.get(plain, (reply) => resolve(reply.statusCode)));
  expect(status).toBe(400);
});

it('another certificate on disk is shown to new connections, and a log that is followed goes on', async () => {
  const { id } = await herd.client.instances.submit({ command: 'while :; do echo x; sleep 0.02; done' });
  await herd.client.instances.waitRunning(id);
  const before = await shownSerial();
  let bytes = 0;
  let isOpen = true;
  const follow = https.get(`${herd.url}/v1/instances/${id}/logs?follow=true`, {
    ca: authority.cert,
    headers: { authorization: `Bearer ${herd.token}` },
  });
  follow.on('response', (reply) => {
    reply.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    reply.on('close', () => {
      isOpen = false;
    });
  });
  await until('the follow stands', () => bytes > 0);
  await renew();
  await until('new connections see the new certificate', async () => (await shownSerial()) !== before);
  const then = bytes;
  await until('the follow goes on', () => bytes > then);
  expect(isOpen).toBe(true);
  follow.destroy();
  expect((await herd.client.head.get()).tls).toMatchObject({ ca });
  await herd.client.instances.cancel(id, { graceMs: 0 });
});

it('with --tls alone the head makes an authority, and this user needs to say nothing of it', async () => {
  const state = herd.stateOf('own');
  const head = await startProgram(['head', '--state', join(state, 'head'), '--port', '0', '--tls', '--json']);
  try {
    const status = await drover(['head', 'status', '--json'], { DROVER_STATE: state });
    const { url, tls } = JSON.parse(status.out);
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:/);
    const made = await drover(['join-token', 'create', '--json'], { DROVER_STATE: state });
    expect(JSON.parse(made.out).command).toMatch(
      new RegExp(`^drover worker --head ${url} --join-token drvj_\\S+ --ca ${tls.ca}$`),
    );
    const modeOf = (name: string): number => statSync(join(state, 'head/tls', name)).mode & 0o777;
    expect(['.', 'authority.key', 'head.key'].map(modeOf)).toEqual([0o700, 0o600, 0o600]);
  } finally {
    await end(head.child, 'SIGTERM');
  }
});
