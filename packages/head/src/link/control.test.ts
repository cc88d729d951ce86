/** How fast a worker's messages are read, with an engine that takes them in as slowly as the test wants. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import WebSocket from 'ws';
import { makeControlLinks } from './control.ts';

const MIB = 1024 * 1024;

it('reads no more of a worker while 16 MiB of its messages wait to be taken in, and goes on afterwards', async () => {
  let received = 0;
  let open = false;
  const held: (() => void)[] = [];
  const engine = {
    herd: 'h',
    state: { epoch: 1, rev: 1 },
    openSession: () => ({
      receive(): Promise<void> {
        received += 1;
        return open ? Promise.resolve() : new Promise((resolve) => held.push(resolve));
      },
      closed: () => undefined,
    }),
  };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const links = makeControlLinks(
    engine as never,
    { worker: () => 'w' } as never,
    { check: () => undefined },
    log,
    { limits: null, denials: { tell: () => undefined } },
  );
  const server = createServer();
  server.on('upgrade', links.upgrade);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/link`);
  try {
    await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
    const message = `${JSON.stringify({ herd: null, epoch: 0, frames: [{ type: 'ping', sentMs: 1 }] })}${' '.repeat(MIB)}`;
    const count = 100;
    for (let at = 0; at < count; at++) ws.send(message);
    await level(() => received >= 16);
    // Long enough for all the rest on loopback, were it read.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(received).toBeLessThan(20);
    expect(ws.bufferedAmount).toBeGreaterThan(40 * MIB);
    open = true;
    for (const release of held) release();
    await level(() => received === count);
  } finally {
    ws.terminate();
    links.cut();
    server.close();
  }
});

async function level(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
