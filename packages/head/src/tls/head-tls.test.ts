/** What a server with TLS shows, on virtual time and real sockets. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { VirtualClock } from '@drover/testkit';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { readPair, type Served } from './certificate.ts';
import { type HeadTls, serveFrom } from './head-tls.ts';
import { newAuthority, newLeaf } from './x509.ts';

const authority = await newAuthority(Date.now());
const leaf = async (): Promise<Served> =>
  readPair(await newLeaf(authority, ['127.0.0.1'], Date.now(), 86_400_000));
const [first, second] = await Promise.all([leaf(), leaf()]);

let server: Server;
let tls: HeadTls;
let clock: VirtualClock;
let said: string[];
/** What the next look brings. */
let due: Served | Error | null;

beforeEach(async () => {
  clock = new VirtualClock();
  said = [];
  due = null;
  let current = first;
  const source = {
    ca: null,
    caFile: null,
    lookEveryMs: 1000,
    get current() {
      return current;
    },
    async look() {
      if (due instanceof Error) throw due;
      if (due === null) return false;
      current = due;
      due = null;
      return true;
    },
  };
  const say = (_: object, message: string): void => void said.push(message);
  tls = serveFrom(source, clock.view({ dead: false, skewMs: 0 }), { info: say, warn: say, error: say });
  server = createServer(tls.serverOptions, (_, reply) => reply.end('ok'));
  tls.follow(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  tls.close();
  server.closeAllConnections();
  server.close();
});
const sockets: TLSSocket[] = [];
afterAll(() => {
  for (const socket of sockets) socket.destroy();
});

async function open(options: { maxVersion?: 'TLSv1.1' } = {}): Promise<TLSSocket> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, ca: authority.cert, minVersion: 'TLSv1', ...options });
  sockets.push(socket);
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return socket;
}
const shown = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.toString() ?? '';
const pemOf = ({ cert }: Served): string => `${cert.trim()}\n`;

it('a new certificate is for new connections; those that are open go on', async () => {
  const before = await open();
  due = second;
  await clock.step();
  expect([shown(before), shown(await open())]).toEqual([pemOf(first), pemOf(second)]);
  expect(tls.view()).toEqual({ ca: null, expiresAt: new Date(second.untilMs).toISOString() });
  before.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const answer = await new Promise((resolve) => before.once('data', (data) => resolve(String(data))));
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(said).toEqual(['another certificate is served from now on']);
});

it('where none can be had the one before goes on, and it is tried again', async () => {
  due = new Error('the disk is full');
  for (let times = 0; times < 2; times++) await clock.step();
  expect(said).toEqual(Array(2).fill('no new certificate can be served; the one before goes on'));
  expect(shown(await open())).toBe(pemOf(first));
  due = second;
  await clock.step();
  expect(shown(await open())).toBe(pemOf(second));
});

it('nothing older than TLS 1.2 is spoken', async () => {
  expect((await open()).getProtocol()).toBe('TLSv1.3');
  await expect(open({ maxVersion: 'TLSv1.1' })).rejects.toThrow();
});

it('who speaks plain HTTP is told so in plain HTTP', async () => {
  const { port } = server.address() as AddressInfo;
  const reply = await fetch(`http://127.0.0.1:${port}/v1/head`);
  expect([reply.status, await reply.json()]).toMatchObject([400, { error: { code: 'TLS_REQUIRED' } }]);
});
