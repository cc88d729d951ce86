/** Floods of calls, of one token or of none: they are slowed, and the calls of everybody else go on. */
import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';

const RATES = { all: { burst: 400, perSecond: 200 }, bad: { burst: 30, perSecond: 10 }, open: 20 };
/** A call that is held waits a second. */
const HELD_MS = 1_000;
let head: TestHead;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  head = await startTestHead({ callRates: RATES });
  for (const name of ['ana', 'bo', 'eve']) {
    await head.call('POST', '/v1/users', { name });
    tokens[name] = (await head.call('POST', '/v1/tokens', { user: name })).json.token;
  }
});
afterAll(() => head?.close());

/** 0: the connection was cut. */
async function call(path: string, token: string | undefined, signal?: AbortSignal): Promise<number> {
  try {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const reply = await fetch(`${head.url}${path}`, { headers, ...(signal && { signal }) });
    await reply.arrayBuffer();
    return reply.status;
  } catch {
    return 0;
  }
}

/** Calls again and again in so many lanes, until it is told to stop. */
function flood(
  path: string,
  token: string | undefined,
  lanes: number,
): { stop: () => Promise<Map<number, number>> } {
  const stop = new AbortController();
  const seen = new Map<number, number>();
  const lane = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const status = await call(path, token, stop.signal);
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
  };
  const running = Promise.all(Array.from({ length: lanes }, lane));
  return {
    async stop() {
      stop.abort();
      await running;
      return seen;
    },
  };
}

/** What another user has of the head meanwhile. */
async function calmCalls(token: string): Promise<{ statuses: Set<number>; slowestMs: number }> {
  const statuses = new Set<number>();
  let slowestMs = 0;
  for (let at = 0; at < 100; at++) {
    const began = performance.now();
    statuses.add(await call('/v1/whoami', token));
    slowestMs = Math.max(slowestMs, performance.now() - began);
  }
  return { statuses, slowestMs };
}
const revOf = async (): Promise<number> => (await head.call('GET', '/v1/head')).json.rev;

it('of bad calls with one token: it is slowed, and the others go on as before', async () => {
  const bad = flood('/v1/instances?bogus=1', tokens.eve, 16);
  const { statuses, slowestMs } = await calmCalls(tokens.ana ?? '');
  const seen = await bad.stop();
  expect([...statuses]).toEqual([200]);
  expect(slowestMs).toBeLessThan(HELD_MS / 2);
  expect(seen.get(400)).toBeGreaterThanOrEqual(RATES.bad.burst);
  // What was answered at once is what the rate allows, and not what the lanes could do.
  expect(seen.get(400)).toBeLessThan(RATES.bad.burst + 16 + RATES.bad.perSecond * 10);
  expect([...seen.keys()].every((status) => [0, 400, 429].includes(status))).toBe(true);
});

it('of wrong tokens, and of none: good tokens from the same address are not touched', async () => {
  const wrong = flood('/v1/instances', 'drv_wrong', 16);
  const none = flood('/v1/nothing', undefined, 4);
  const { statuses, slowestMs } = await calmCalls(tokens.bo ?? '');
  const seen = await wrong.stop();
  await none.stop();
  expect([...statuses]).toEqual([200]);
  expect(slowestMs).toBeLessThan(HELD_MS / 2);
  expect(seen.get(401)).toBeLessThan(RATES.bad.burst + 20 + RATES.bad.perSecond * 10);
});

it('of links with a wrong identity: cut after the first answers', async () => {
  // The address is used up by the flood before: not even an answer is left for it.
  const refused = (): Promise<string> =>
    new Promise((resolve) => {
      const asked = request(`${head.url}/v1/link`, {
        agent: false,
        headers: { connection: 'Upgrade', upgrade: 'websocket', authorization: 'Bearer drvw_wrong' },
      });
      asked.once('response', (reply) => resolve(String(reply.resume().statusCode)));
      asked.once('error', () => resolve('cut'));
      asked.end();
    });
  const ends = await Promise.all(Array.from({ length: 200 }, refused));
  expect(ends.filter((each) => each === 'cut').length).toBeGreaterThan(100);
  expect(new Set(ends)).toEqual(new Set(ends.includes('401') ? ['401', 'cut'] : ['cut']));
});

it('leave a few lines in the audit, whatever their number was', async () => {
  const { items } = (await head.call('GET', '/v1/audit?result=denied')).json;
  expect(items.length).toBeGreaterThan(0);
  expect(items.length).toBeLessThan(6);
  const rev = await revOf();
  await Promise.all(
    Array.from({ length: 50 }, () => call('/v1/instances', 'drv_wrong', AbortSignal.timeout(100))),
  );
  expect(await revOf()).toBe(rev);
});

it('of calls that stay open: one caller has so many, and another one has room', async () => {
  const stop = new AbortController();
  const open = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${head.url}/v1/events`, { headers, signal: stop.signal })).status;
  };
  const streams = await Promise.all(Array.from({ length: RATES.open + 5 }, () => open(tokens.ana ?? '')));
  expect(streams.filter((status) => status === 200)).toHaveLength(RATES.open);
  expect(streams.filter((status) => status === 429)).toHaveLength(5);
  expect(await open(tokens.bo ?? '')).toBe(200);
  expect(await call('/healthz', undefined)).toBe(200);
  stop.abort();
});
