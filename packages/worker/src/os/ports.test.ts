import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { PortPool, slicesOutside } from './ports.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

let now = 0;
function pool(workerId: string, slices?: number[]): PortPool {
  const made = new PortPool(workerId, () => now, slices);
  open.push(made);
  return made;
}

const listen = (port: number, host: string): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
    open.push(server);
  });

test('R9: slices lie outside the ephemeral range', () => {
  const slices = slicesOutside({ first: 32_768, last: 60_999 });
  expect(slices[0]).toBe(10_000);
  expect(slices).toContain(32_600);
  expect(slices).not.toContain(32_700);
  expect(slices).not.toContain(60_900);
  expect(slices).toContain(61_000);
  expect(slices.at(-1)).toBe(65_400);
});

test('two pools in one network never give the same port, though both begin at one slice', async () => {
  const [a, b] = [pool('same'), pool('same')];
  const [of, other] = [new Set<number>(), new Set<number>()];
  for (let i = 0; i < 150; i++) {
    of.add(await a.take());
    other.add(await b.take());
  }
  expect(of.size).toBe(150);
  expect(other.size).toBe(150);
  expect([...of].filter((port) => other.has(port))).toEqual([]);
});

test.each(['0.0.0.0', '127.0.0.1'])('R9: a port that a stranger bound on %s is not given', async (host) => {
  const base = await freeSlice();
  await listen(base + 1, host);
  expect(await pool('x', [base]).take()).toBe(base + 2);
});

test('R10: least recently used first; a port that was bound rests a minute', async () => {
  const base = await freeSlice();
  const ports = pool('x', [base]);
  const [a, b] = [await ports.take(), await ports.take()];
  ports.giveBack(a, true);
  ports.giveBack(b, false);
  const next: number[] = [];
  for (let i = 0; i < 97; i++) next.push(await ports.take());
  expect(next).not.toContain(a);
  expect(next).not.toContain(b);
  expect(await ports.take()).toBe(b);
  await expect(ports.take()).rejects.toMatchObject({ code: 'NO_PORT' });
  now += 60_000;
  expect(await ports.take()).toBe(a);
});

test('a port of an adopted attempt is not given, and its slice is held again', async () => {
  const base = await freeSlice();
  const ports = pool('x', [base]);
  await ports.adopt(base + 1);
  expect(await ports.take()).toBe(base + 2);
  await expect(listen(base, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

/** The first port of a slice that nobody holds. */
async function freeSlice(): Promise<number> {
  const probe = new PortPool(String(Math.random()), () => now);
  const port = await probe.take();
  probe.close();
  return port - (port % 100);
}
