import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { startTestHead } from './testing/test-head.ts';

/** Upgrades by hand and never says another word, as a worker that was stopped. */
async function mute(url: string, path: string, token: string): Promise<{ socket: Socket; answer: string }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => undefined);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  return { socket, answer };
}

it('closes while a worker that does not answer is connected, and peers that were refused stay', async () => {
  const head = await startTestHead();
  const { token } = (await head.call('POST', '/v1/join-tokens', {})).json;
  const workerId = '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c31';
  const headers = { authorization: `Bearer ${token}` };
  const identity = (await head.call('POST', '/v1/join', { workerId }, headers)).json;
  const worker = await mute(head.url, '/v1/link', identity.token);
  const refused = await mute(head.url, '/v1/link', 'wrong');
  expect([worker.answer, refused.answer]).toEqual([
    expect.stringContaining(' 101 '),
    expect.stringContaining(' 401 '),
  ]);
  // Only tells whether it hangs: without a cut it takes the 30 s in which a WebSocket waits for its peer.
  const hung = new Promise((resolve) => setTimeout(resolve, 8_000, 'hung').unref());
  expect(await Promise.race([head.close().then(() => 'closed'), hung])).toBe('closed');
  worker.socket.destroy();
  refused.socket.destroy();
}, 20_000);

it.each([
  ['without TLS', null, 1],
  ['with TLS', { files: null }, 0],
])('a head that others reach says so in its log when it is %s', async (_, tls, warnings) => {
  const head = await startTestHead({ host: '0.0.0.0', tls });
  await head.close();
  expect(head.complaints.filter((line) => line.includes('reach this head without TLS'))).toHaveLength(
    warnings,
  );
});
