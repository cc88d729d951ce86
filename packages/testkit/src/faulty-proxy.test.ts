import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FaultyProxy } from './faulty-proxy.ts';
import { SeededRandom } from './seeded-random.ts';

let server: Server;
let proxy: FaultyProxy;
/** What the target has been told, and what it answers to each chunk. */
let heard: string;
let answer: (text: string, socket: Socket) => void;

beforeEach(async () => {
  heard = '';
  answer = (text, socket) => void socket.write(text, 'latin1');
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      answer(chunk.toString('latin1'), socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const random = new SeededRandom(7);
  proxy = await FaultyProxy.start({
    host: '127.0.0.1',
    port: 0,
    target: { host: '127.0.0.1', port },
    random: () => random.float(),
  });
});
afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

interface Talk {
  readonly socket: Socket;
  text: string;
  closed: boolean;
}

function talk(): Promise<Talk> {
  const socket = dial(proxy.port, '127.0.0.1');
  const state: Talk = { socket, text: '', closed: false };
  socket.on('data', (chunk) => {
    state.text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    state.closed = true;
  });
  // One that is refused may be reset before it is told that it was accepted.
  return new Promise((resolve) => {
    for (const event of ['connect', 'close']) socket.once(event, () => resolve(state));
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test('without faults all bytes and both ends pass', async () => {
  const big = 'x'.repeat(5_000_000);
  const one = await talk();
  one.socket.end(big);
  await until(() => one.text.length === big.length);
  expect(heard).toBe(big);
  await until(() => one.closed);
});

test('bytes that are late and uneven keep their order', async () => {
  proxy.faults = { ...proxy.faults, delayMs: 60, jitterMs: 50 };
  const one = await talk();
  const begun = performance.now();
  for (let i = 0; i < 10; i++) one.socket.write(`${i};`);
  await until(() => one.text.length === 20);
  expect(one.text).toBe('0;1;2;3;4;5;6;7;8;9;');
  expect(performance.now() - begun).toBeGreaterThanOrEqual(20);
  one.socket.destroy();
});

test('corruption changes one bit of a chunk and no length', async () => {
  proxy.faults = { ...proxy.faults, corruption: 1 };
  const one = await talk();
  one.socket.write('a'.repeat(100));
  await until(() => one.text.length === 100);
  expect(heard).toHaveLength(100);
  expect([...heard].filter((letter) => letter !== 'a')).toHaveLength(1);
  expect(proxy.counts.corrupted).toBeGreaterThanOrEqual(2);
  one.socket.destroy();
});

test('a lost reply: the target did it, and the client hears of a reset', async () => {
  proxy.faults = { ...proxy.faults, losesReplies: 1 };
  const one = await talk();
  one.socket.write('do it');
  await until(() => one.closed);
  expect({ heard, text: one.text, lost: proxy.counts.repliesLost }).toEqual({
    heard: 'do it',
    text: '',
    lost: 1,
  });
  const two = await talk();
  two.socket.write('again');
  await until(() => two.text === 'again');
  two.socket.destroy();
});

test('frozen: nothing moves, nobody is told, and it goes on where it was', async () => {
  const one = await talk();
  one.socket.write('a');
  await until(() => one.text === 'a');
  proxy.faults.isFrozen = true;
  one.socket.write('b');
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect({ text: one.text, closed: one.closed, heard }).toEqual({ text: 'a', closed: false, heard: 'a' });
  proxy.heal();
  await until(() => one.text === 'ab');
  one.socket.destroy();
});

test('refused and cut connections end at once', async () => {
  const one = await talk();
  proxy.cut();
  await until(() => one.closed);
  proxy.faults.refuses = true;
  const two = await talk();
  await until(() => two.closed);
  expect(heard).toBe('');
});

test('what a slow reader does not take waits in a bounded buffer', async () => {
  let sent = 0;
  answer = (_text, socket) => {
    const more = (): void => {
      while (sent < 200_000_000 && socket.writable) {
        sent += 65_536;
        if (!socket.write(Buffer.alloc(65_536))) {
          socket.once('drain', more);
          return;
        }
      }
    };
    more();
  };
  const one = await talk();
  one.socket.pause();
  one.socket.write('go');
  await until(() => sent > 0);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(sent).toBeLessThan(100_000_000);
  one.socket.destroy();
});
