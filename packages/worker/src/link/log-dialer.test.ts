import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { logDialer } from './log-dialer.ts';

test('where the bytes break off the head sees a cut, not an end', async () => {
  let seen: (what: { text: string; complete: boolean }) => void;
  const arrived = new Promise<{ text: string; complete: boolean }>((resolve) => {
    seen = resolve;
  });
  const server = http.createServer((request) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('abc')) goOn();
    });
    request.on('error', () => undefined);
    request.on('close', () => seen({ text, complete: request.complete }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let goOn: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc');
    await first;
    throw new Error('its folder is gone');
  }
  const dial = logDialer(
    { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: null },
    { token: 'token' },
  );
  const sent = dial({ ticket: 't', offset: 0, available: 0, size: 10, bytes: bytes() });
  await expect(sent).rejects.toThrow();
  expect(await arrived).toEqual({ text: expect.stringMatching(/abc$/), complete: false });
  server.close();
});
