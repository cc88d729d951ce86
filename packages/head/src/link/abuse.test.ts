/** What a worker, or something that pretends to be one, may send (I19): the link is closed with a code, the head lives. */
import { sampleOffer } from '@drover/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

let head: TestHead;
let identity: { workerId: string; token: string; herd: string };
beforeAll(async () => {
  head = await startTestHead({ timing: { pingMs: 100, leaseMs: 500, offlineMs: 2_000 } });
  identity = await join('6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c11');
});
afterAll(() => head.close());

async function join(workerId: string, at = head): Promise<typeof identity> {
  const { token } = (await at.call('POST', '/v1/join-tokens', {})).json;
  return (await at.call('POST', '/v1/join', { workerId }, { authorization: `Bearer ${token}` })).json;
}

const open = (token: string, headers: Record<string, string> = {}, path = '/v1/link', at = head): WebSocket =>
  new WebSocket(`${at.url.replace('http', 'ws')}${path}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });

const opened = (ws: WebSocket): Promise<void> =>
  new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
const closedWith = (ws: WebSocket): Promise<number> => new Promise((resolve) => ws.once('close', resolve));
const refusedWith = (ws: WebSocket): Promise<number> =>
  new Promise((resolve) => {
    ws.once('error', () => undefined);
    ws.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
  });

const offer = sampleOffer({ cpu: 4, memoryMiB: 100, diskMiB: 100, gpus: 0, ports: 10 });
const hello = (session: string) => ({
  type: 'hello',
  protocol: 1,
  session,
  bootId: 'b',
  offer,
  digest: 0,
  wallMs: Date.now(),
});
const message = (...frames: unknown[]): string => JSON.stringify({ herd: identity.herd, epoch: 0, frames });
const SESSION = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';

const nextMessage = (ws: WebSocket): Promise<{ frames: { type: string }[] }> =>
  new Promise((resolve) => ws.once('message', (data) => resolve(JSON.parse(String(data)))));

describe('a link', () => {
  it.each([
    ['no token', 401, '', {}],
    ['a wrong token', 401, 'drvw_wrong', {}],
    ['an Origin, as only a browser sends', 403, 'IDENTITY', { origin: 'https://example.com' }],
  ])('is not opened with %s', async (_, status, token, headers) => {
    expect(await refusedWith(open(token === 'IDENTITY' ? identity.token : token, headers))).toBe(status);
  });

  it('is not opened for the admin, nor at another path', async () => {
    expect(await refusedWith(open(head.token))).toBe(401);
    expect(await refusedWith(open(identity.token, {}, '/v1/instances'))).toBe(404);
  });

  it.each([
    ['what is no JSON', 'hello', 4400],
    ['JSON of another shape', '{"x":1}', 4400],
    ['an unknown frame', JSON.stringify({ herd: null, epoch: 0, frames: [{ type: 'reboot' }] }), 4400],
    ['no frames', JSON.stringify({ herd: null, epoch: 0, frames: [] }), 4400],
    [
      'a negative epoch',
      JSON.stringify({ herd: null, epoch: -1, frames: [{ type: 'ping', sentMs: 1 }] }),
      4400,
    ],
    ['10,000-deep JSON', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 4400],
    [
      'another protocol',
      JSON.stringify({ herd: null, epoch: 0, frames: [{ ...hello(SESSION), protocol: 99 }] }),
      4400,
    ],
    ['another herd', JSON.stringify({ herd: OTHER, epoch: 0, frames: [{ type: 'ping', sentMs: 1 }] }), 4400],
    ['more than 16 MiB', 'x'.repeat(17 * 1024 * 1024), 1009],
  ])('is closed with a code for %s', async (_, text, code) => {
    const ws = open(identity.token);
    await opened(ws);
    ws.send(text);
    expect(await closedWith(ws)).toBe(code);
  });

  it('is closed for binary messages', async () => {
    const ws = open(identity.token);
    await opened(ws);
    ws.send(Buffer.from(message(hello(SESSION))), { binary: true });
    expect(await closedWith(ws)).toBe(4400);
  });

  it('takes reports of instances that are not its own as unknown, and changes nothing', async () => {
    const other = await join('6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c22');
    const instance = (await head.call('POST', '/v1/instances', { command: 'true', resources: { gpus: 1 } }))
      .json;
    const ws = open(other.token);
    await opened(ws);
    ws.send(JSON.stringify({ herd: identity.herd, epoch: 0, frames: [hello(OTHER)] }));
    expect((await nextMessage(ws)).frames[0]?.type).toBe('welcome');
    const fact = {
      instance: instance.id,
      attempt: 1,
      phase: 'RUNNING',
      stopping: false,
      pid: 1,
      port: 1,
      startedAtMs: 1,
      exit: null,
      log: { available: 0, size: 0 },
      inlineLog: null,
    };
    ws.send(
      JSON.stringify({ herd: identity.herd, epoch: 0, frames: [{ type: 'inventory', items: [fact] }] }),
    );
    expect((await nextMessage(ws)).frames[0]?.type).toBe('unknown');
    expect((await head.call('GET', `/v1/instances/${instance.id}`)).json.status).toBe('PENDING');
    ws.close();
    await head.call('DELETE', `/v1/instances/${instance.id}`);
  });

  it('refuses a second process with the same identity while the first is heard, and takes it when that is gone', async () => {
    // Its own head: the first process counts as heard for two of these pings, however busy this machine is.
    const calm = await startTestHead({ timing: { pingMs: 30_000, leaseMs: 90_000, offlineMs: 180_000 } });
    const { token, herd } = await join('6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c33', calm);
    const greet = async (session: string): Promise<WebSocket> => {
      const ws = open(token, {}, '/v1/link', calm);
      await opened(ws);
      ws.send(JSON.stringify({ herd, epoch: 0, frames: [hello(session)] }));
      return ws;
    };
    const first = await greet(SESSION);
    expect((await nextMessage(first)).frames[0]?.type).toBe('welcome');
    expect(await closedWith(await greet(OTHER))).toBe(4409);
    const worker = '/v1/workers/6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c33';
    first.terminate();
    await calm.call('GET', `${worker}?wait=SUSPECT&timeoutMs=10000`);
    const third = await greet(OTHER);
    expect((await nextMessage(third)).frames[0]?.type).toBe('welcome');
    third.terminate();
    await calm.close();
  });

  it('that falls silent makes its worker SUSPECT, then OFFLINE', async () => {
    const ws = open(identity.token);
    await opened(ws);
    ws.send(message(hello(SESSION)));
    await nextMessage(ws);
    const online = await head.call('GET', `/v1/workers/${identity.workerId}?wait=ONLINE&timeoutMs=2000`);
    expect(online.json.status).toBe('ONLINE');
    const suspect = await head.call('GET', `/v1/workers/${identity.workerId}?wait=SUSPECT&timeoutMs=5000`);
    expect(suspect.json).toMatchObject({ status: 'SUSPECT', reason: { code: 'HEARTBEAT_MISSED' } });
    const offline = await head.call('GET', `/v1/workers/${identity.workerId}?wait=OFFLINE&timeoutMs=10000`);
    expect(offline.json.status).toBe('OFFLINE');
    ws.terminate();
  });

  it('answers thousands of pings at once', async () => {
    const ws = open(identity.token);
    await opened(ws);
    ws.send(message(hello(SESSION)));
    await nextMessage(ws);
    let pongs = 0;
    const all = new Promise<void>((resolve) =>
      ws.on('message', (data) => {
        pongs += (JSON.parse(String(data)) as { frames: { type: string }[] }).frames.filter(
          (frame) => frame.type === 'pong',
        ).length;
        if (pongs === 5_000) resolve();
      }),
    );
    for (let at = 0; at < 5_000; at++) ws.send(message({ type: 'ping', sentMs: at }));
    await all;
    expect(ws.readyState).toBe(ws.OPEN);
    ws.terminate();
  });

  it.each([
    ['messages', [4429], (ws: WebSocket) => ws.send(message({ type: 'ping', sentMs: 1 }))],
    // Many at once are cut by the WebSocket itself.
    ['WebSocket pings', [4429, 1006], (ws: WebSocket) => ws.ping()],
  ])('is closed for a flood of %s', async (_, codes, send) => {
    const ws = open(identity.token);
    await opened(ws);
    let code = 0;
    ws.once('close', (told) => {
      code = told;
    });
    for (let sent = 0; code === 0 && sent < 1_000_000; sent += 1_000) {
      for (let at = 0; at < 1_000 && ws.readyState === ws.OPEN; at++) send(ws);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (code === 0) code = await closedWith(ws);
    expect(codes).toContain(code);
    expect((await head.call('GET', '/v1/head')).status).toBe(200);
  });
});

describe('a bulk stream', () => {
  it('that nobody asked for is refused', async () => {
    const headers = {
      authorization: `Bearer ${identity.token}`,
      'content-type': 'application/octet-stream',
      'drover-log-offset': '0',
      'drover-log-available': '0',
      'drover-log-size': '0',
    };
    const reply = await fetch(`${head.url}/v1/link/streams/str_x`, { method: 'PUT', headers, body: 'x' });
    expect(reply.status).toBe(404);
  });
});
