/** Bytes that no worker sends on its link (I19), by hand: each ends the link with a code, and costs the head nothing. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LinkClient } from '../../packages/head/src/testing/link-client.ts';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';

let head: TestHead;
let worker: LinkClient;
let userToken: string;
const sockets: Socket[] = [];

beforeAll(async () => {
  head = await startTestHead();
  worker = await LinkClient.open(head);
  await head.call('POST', '/v1/users', { name: 'ana', role: 'admin' });
  userToken = (await head.call('POST', '/v1/tokens', { user: 'ana' })).json.token;
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  worker?.ws.terminate();
  await head?.close();
});

/** Opens a connection and says these lines after the first. */
function upgrade(token: string, more: readonly string[] = []): { socket: Socket; received: () => Buffer } {
  const { hostname, port } = new URL(head.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  socket.on('error', () => undefined);
  const lines = [
    'GET /v1/link HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    `Authorization: Bearer ${token}`,
    ...more,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return { socket, received: () => bytes };
}
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())));

/** An open link, as bytes. */
async function link(): Promise<{ socket: Socket; frames: () => Buffer }> {
  const { socket, received } = upgrade(worker.token);
  await expect.poll(() => received().includes('\r\n\r\n')).toBe(true);
  expect(received().toString('latin1')).toMatch(/^HTTP\/1\.1 101 /);
  const start = received().indexOf('\r\n\r\n') + 4;
  return { socket, frames: () => received().subarray(start) };
}

const FIN = 0x80;
const MASKED = 0x80;
const [CONTINUED, TEXT, BINARY, CLOSE, PING] = [0, 1, 2, 8, 9];
/** A frame with a mask of zeros, which is one, or without. */
function frame(kind: number, payload: Buffer, options: { masked?: boolean; length?: bigint } = {}): Buffer {
  const { masked = true, length = BigInt(payload.length) } = options;
  const header = Buffer.alloc(10);
  header[0] = kind;
  header[1] = (masked ? MASKED : 0) | 127;
  header.writeBigUInt64BE(length, 2);
  return Buffer.concat([header, Buffer.alloc(masked ? 4 : 0), payload]);
}
/** The code with which the head closed, or null. */
function codeIn(frames: Buffer): number | null {
  const at = frames.indexOf(FIN | CLOSE);
  return at < 0 ? null : frames.readUInt16BE(at + 2);
}
const text = (value: string): Buffer => Buffer.from(value);

describe('a link', () => {
  it.each([
    ['a frame without a mask', [frame(FIN | TEXT, text('{}'), { masked: false })], 1002],
    ['a frame that says it has 2^40 bytes', [frame(FIN | TEXT, text('{}'), { length: 1n << 40n })], 1009],
    ['a frame that says it has 2^63 bytes', [frame(FIN | TEXT, text('{}'), { length: 1n << 63n })], 1009],
    ['reserved bits', [frame(FIN | 0x40 | TEXT, text('{}'))], 1002],
    ['an unknown kind of frame', [frame(FIN | 3, text('{}'))], 1002],
    ['a ping that is no short one', [frame(FIN | PING, Buffer.alloc(126))], 1002],
    ['a ping in parts', [frame(PING, text('x'))], 1002],
    ['a part of nothing', [frame(FIN | CONTINUED, text('x'))], 1002],
    ['a new message within another', [frame(TEXT, text('{')), frame(FIN | TEXT, text('}'))], 1002],
    ['text that is no UTF-8', [frame(FIN | TEXT, Buffer.from([0xc0, 0xae]))], 1007],
    ['text of nothing', [frame(FIN | TEXT, text(''))], 4400],
    ['binary where text is spoken', [frame(FIN | BINARY, text('{}'))], 4400],
    ['parts that are more than 16 MiB together', undefined, 1009],
  ])('is closed for %s', async (_, frames, code) => {
    const { socket, frames: answered } = await link();
    const before = process.memoryUsage().rss;
    if (frames) for (const each of frames) socket.write(each);
    else {
      const part = Buffer.alloc(1024 * 1024, 'x');
      socket.write(frame(TEXT, part));
      for (let at = 0; at < 17; at++) socket.write(frame(CONTINUED, part));
    }
    await expect.poll(() => codeIn(answered()), { timeout: 5_000 }).toBe(code);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    socket.destroy();
  });

  it.each([
    ['an admin', () => head.token, 401],
    ['a user', () => userToken, 401],
    ['nobody', () => '', 401],
  ])('is not opened for %s, whatever else the call says', async (_, token, status) => {
    for (const more of [
      [],
      ['Sec-WebSocket-Protocol: drover'],
      ['X-Forwarded-For: 127.0.0.1'],
      ['Drover-User: ana'],
    ]) {
      const { socket, received } = upgrade(token(), more);
      await closed(socket);
      expect(received().toString()).toMatch(
        new RegExp(`^HTTP/1\\.1 ${status} .*"code":"UNAUTHENTICATED"`, 's'),
      );
    }
  });

  it('is not opened by a page of another site, nor by one of our own', async () => {
    for (const origin of ['https://evil.example', head.url, 'null']) {
      const { socket, received } = upgrade(worker.token, [`Origin: ${origin}`]);
      await closed(socket);
      expect(received().toString()).toMatch(/^HTTP\/1\.1 403 .*ORIGIN_REFUSED/s);
    }
  });

  it('is not opened elsewhere: an upgrade of any other route is no way around its rules', async () => {
    const { hostname, port } = new URL(head.url);
    for (const path of ['/v1/instances', '/v1/events', '/v1/link/..', '/v1/link%2f', '//v1//link/x', '/']) {
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString();
      });
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nAuthorization: Bearer ${worker.token}\r\n\r\n`,
      );
      await closed(socket);
      expect([path, answer.split(' ')[1]]).toEqual([path, '404']);
    }
  });

  it('that was revoked ends, and cannot be opened again', async () => {
    const gone = await LinkClient.open(head);
    gone.send([gone.hello({ protocol: 2 })]);
    await gone.next('welcome');
    const { items } = (await head.call('GET', '/v1/workers?status=ONLINE')).json;
    expect(items).toHaveLength(1);
    expect((await head.call('POST', `/v1/workers/${items[0].id}/revoke`)).status).toBeLessThan(300);
    const [code] = await gone.closed;
    expect(code).toBeGreaterThanOrEqual(4400);
    const { socket, received } = upgrade(gone.token);
    await closed(socket);
    expect(received().toString()).toMatch(/^HTTP\/1\.1 401 /);
  });
});

it('left the head as it was', async () => {
  expect((await head.call('GET', '/v1/head')).status).toBe(200);
  const ours = head.complaints.filter((line) => !/sent what is no message/.test(line));
  expect(ours).toEqual([]);
});
