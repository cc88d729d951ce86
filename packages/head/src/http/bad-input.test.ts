/**
 * Bad input at the edge: each gets a 4xx with code, field and rule, in constant memory, and changes nothing. Rows I1 to
 * I6, I10 and I16 of the reliability catalogue, as far as they concern instances.
 */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

let head: TestHead;
beforeAll(async () => {
  head = await startTestHead();
});
afterAll(() => head.close());

const MIB = 1024 * 1024;
const ok = { command: 'true' };
const long = (length: number): string => 'x'.repeat(length);
const map = (count: number, value = 'v'): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, value]));

const names = [
  '',
  ' a',
  'a ',
  '../x',
  'a/b',
  'a\u0000b',
  'a\nb',
  'a\u202eb',
  'a😀',
  '-rf',
  long(129),
  long(10_000),
];
const badBodies: [field: string, body: unknown][] = [
  ...names.map((name): [string, unknown] => ['name', { ...ok, name }]),
  ['name', { ...ok, name: 7 }],
  ['command', {}],
  ['command', { command: '' }],
  ['command', { command: '   ' }],
  ['command', { command: [] }],
  ['command', { command: ['', 'x'] }],
  ['command', { command: [1] }],
  ['command', { command: 'a\u0000b' }],
  ['command', { command: long(200_000) }],
  ['command', { command: 'ü'.repeat(70_000) }],
  ['command', { command: 'a\ud800' }],
  ['env.A', { ...ok, env: { A: '\udc00b' } }],
  ['command', { command: Array.from({ length: 5000 }, () => 'x') }],
  ['command', { command: { sh: 'x' } }],
  ['resources.cpu', { ...ok, resources: { cpu: -1 } }],
  ['resources.cpu', { ...ok, resources: { cpu: '1' } }],
  ['resources.cpu', { ...ok, resources: { cpu: 1e308 } }],
  ['resources.cpu', { ...ok, resources: { cpu: 0.0001 } }],
  ['resources.cpu', { ...ok, resources: { cpu: null } }],
  ['resources.memoryMiB', { ...ok, resources: { memoryMiB: 0.5 } }],
  ['resources.memoryMiB', { ...ok, resources: { memoryMiB: -512 } }],
  ['resources.memoryMiB', { ...ok, resources: { memoryMiB: 2 ** 53 } }],
  ['resources.gpus', { ...ok, resources: { gpus: -1 } }],
  ['resources.gpus', { ...ok, resources: { gpus: 1.5 } }],
  ['resources.gpu', { ...ok, resources: { gpu: 1 } }],
  ['resources', { ...ok, resources: [] }],
  ['gpuIndices', { ...ok, gpuIndices: [0] }],
  ['gpuIndices', { ...ok, targetWorker: '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c11', gpuIndices: [0, 0] }],
  ['gpuIndices.0', { ...ok, targetWorker: '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c11', gpuIndices: [-1] }],
  ['targetWorker', { ...ok, targetWorker: 'gpu-0' }],
  ['exclusive', { ...ok, exclusive: 'yes' }],
  ['labels.a', { ...ok, labels: { a: 1 } }],
  ['labels', { ...ok, labels: map(65) }],
  ['labels.k', { ...ok, labels: { k: long(256) } }],
  ['env.A=B', { ...ok, env: { 'A=B': 'x' } }],
  ['env.', { ...ok, env: { '': 'x' } }],
  ['env.DROVER_X', { ...ok, env: { DROVER_X: 'x' } }],
  ['env.A', { ...ok, env: { A: 'a\u0000b' } }],
  ['env.A', { ...ok, env: { A: long(200_000) } }],
  ['env', { ...ok, env: map(2000) }],
  ['env', { ...ok, env: map(100, long(100_000)).constructor === Object ? map(12, long(100_000)) : {} }],
  ['venv', { ...ok, venv: 'relative' }],
  ['venv', { ...ok, venv: '/a/../b' }],
  ['workdir', { ...ok, workdir: '/a\u0000' }],
  ['workdir', { ...ok, workdir: `/${long(5000)}` }],
  ['priority', { ...ok, priority: 1.5 }],
  ['graceMs', { ...ok, graceMs: -1 }],
  ['graceMs', { ...ok, graceMs: 1e12 }],
  ['logCapMiB', { ...ok, logCapMiB: 0 }],
  ['comand', { ...ok, comand: 'typo' }],
  ['body', []],
  ['body', 'null'],
  ['body', '7'],
];

const badQueries: [field: string, path: string][] = [
  ['limit', '/v1/instances?limit=0'],
  ['limit', '/v1/instances?limit=1001'],
  ['limit', '/v1/instances?limit=NaN'],
  ['limit', '/v1/instances?limit=-1'],
  ['cursor', '/v1/instances?cursor=..%2f'],
  ['status', '/v1/instances?status=running'],
  ['label', '/v1/instances?label=novalue'],
  ['bogus', '/v1/instances?bogus=1'],
  ['worker', '/v1/instances?worker=x'],
  ['wait', '/v1/instances/x1?wait=forever'],
  ['timeoutMs', '/v1/instances/x1?wait=final&timeoutMs=1e99'],
  ['offset', '/v1/instances/x1/logs?offset=-1'],
  ['offset', '/v1/instances/x1/logs?offset=9007199254740993'],
  ['offset', '/v1/instances/x1/logs?offset=..%2f'],
  ['limit', '/v1/instances/x1/logs?limit=999999999999'],
  ['follow', '/v1/instances/x1/logs?follow=maybe'],
  ['status', '/v1/workers?status=gone'],
  ['after', '/v1/events?after=x'],
];

/** All that could have changed. */
const everything = async (): Promise<string> => {
  const [instances, workers, tokens] = await Promise.all(
    ['/v1/instances', '/v1/workers', '/v1/join-tokens'].map((path) => head.call('GET', path)),
  );
  const { rev } = (await head.call('GET', '/v1/head')).json;
  return JSON.stringify([instances?.json, workers?.json, tokens?.json, rev]);
};

describe('a call that breaks a rule', () => {
  it.each(badBodies.map(([field, body], at) => ({ field, body, at })))(
    'is told the field $field (case $at), and nothing changes',
    async ({ field, body }) => {
      const before = await everything();
      const reply = await head.call('POST', '/v1/instances', body);
      expect(reply.status, reply.text).toBe(400);
      expect(reply.json.error).toMatchObject({ code: 'INVALID_REQUEST', details: { field } });
      expect(reply.json.error.details.rule.length).toBeGreaterThan(3);
      expect(reply.text.length, 'no body is sent back whole').toBeLessThan(1_000);
      expect(await everything()).toBe(before);
    },
  );

  it.each(badQueries)('is told the field %s of %s', async (field, path) => {
    const reply = await head.call('GET', path);
    expect(reply.status, reply.text).toBe(400);
    expect(reply.json.error).toMatchObject({ code: 'INVALID_REQUEST', details: { field } });
  });

  it.each([
    ['{', 'INVALID_JSON'],
    ['{"command":"true"', 'INVALID_JSON'],
    ['{"command":NaN}', 'INVALID_JSON'],
    ['{"command":"true","__proto__":{"x":1}}', 'INVALID_JSON'],
    ['{"command":"true","constructor":{"prototype":{"x":1}}}', 'INVALID_JSON'],
    ['[[[['.repeat(25_000), 'INVALID_REQUEST'],
    [`{"env":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, 'INVALID_REQUEST'],
    [`${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'INVALID_REQUEST'],
    ['', 'INVALID_REQUEST'],
  ])('is refused for the JSON %.40s', async (body, code) => {
    const reply = await head.call('POST', '/v1/instances', body);
    expect(reply.status).toBe(400);
    expect(reply.json.error.code).toBe(code);
  });

  const nested = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
  it.each([
    ['POST', '/v1/instances', `{"command":${nested}}`],
    ['POST', '/v1/requests', `{"name":"status","result":${nested}}`],
    ['POST', '/v1/join', nested],
    ['POST', '/v1/trees', `{"v":1,"entries":${nested}}`],
    ['POST', '/v1/requests', `{"name":"status","result":[${'{},'.repeat(31_000)}{}]}`],
    ['POST', '/v1/instances', `{"command":[${'1,'.repeat(250_000)}1]}`],
  ])(
    'is refused for the shape of its body before that is parsed: %s %s %.40s',
    async (method, path, body) => {
      const reply = await head.call(method, path, body);
      expect(reply.status, reply.text).toBe(400);
      expect(reply.json.error).toMatchObject({ code: 'INVALID_REQUEST', details: { field: 'body' } });
      expect(reply.json.error.details.rule).toMatch(/^at most /);
    },
  );

  it.each([
    ['/launch', { task: 'SHAPE' }],
    ['/status', { x: 'SHAPE' }],
  ])('is refused for its shape by the routes of other clients too: %s', async (path, body) => {
    const reply = await head.call('POST', path, JSON.stringify(body).replace('"SHAPE"', nested));
    expect(reply.status, reply.text).toBeGreaterThanOrEqual(400);
    expect(reply.status, reply.text).toBeLessThan(500);
    expect(reply.text).toContain('within each other');
  });

  it('is told one rule when very many values are wrong', async () => {
    const labels = Object.fromEntries(Array.from({ length: 99_000 }, (_, at) => [`k${at}`, 1]));
    const gpuIndices = Array.from({ length: 190_000 }, () => 'x');
    for (const body of [
      { ...ok, labels },
      { ...ok, gpuIndices },
    ]) {
      const reply = await head.call('POST', '/v1/instances', body);
      expect([reply.status, reply.json.error.code]).toEqual([400, 'INVALID_REQUEST']);
    }
  });

  it.each([
    ['POST', '/v1/join', 16],
    ['POST', '/v1/users', 64],
    ['POST', '/v1/projects', 64],
    ['POST', '/v1/tokens', 64],
    ['POST', '/v1/join-tokens', 64],
    ['PUT', '/v1/clusters/c/autostop', 64],
    ['POST', '/v1/instances/x/cancel', 64],
    ['POST', '/v1/instances/x/forget', 64],
    ['POST', '/v1/infra/local/up', 64],
    ['POST', '/v1/plan', 1024],
    ['POST', '/v1/requests', 1024],
  ])('is refused beyond the bound of its route: %s %s %d KiB', async (method, path, kib) => {
    const limit = kib * 1024;
    const pieces = [`{"name":"a","result":"`, 'x'.repeat(limit), '"}'];
    // Without Content-Length: it is counted as it comes.
    const chunked = new ReadableStream({
      start(controller) {
        for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
        controller.close();
      },
    });
    const headers = { authorization: `Bearer ${head.token}`, 'content-type': 'application/json' };
    const init = { method, headers, body: chunked, duplex: 'half' };
    const reply = await fetch(`${head.url}${path}`, init as RequestInit);
    expect(reply.status).toBe(413);
    expect(await reply.json()).toMatchObject({ error: { code: 'BODY_TOO_LARGE', details: { limit } } });
  });

  it('is refused with 413 for bodies of 100 MiB, long before they have been sent', async () => {
    const { hostname, port } = new URL(head.url);
    const heldBytes = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const before = heldBytes();
    let peak = before;
    // The test itself holds this once, however often it is sent.
    const chunk = Buffer.from(`10000\r\n${'x'.repeat(64 * 1024)}\r\n`);
    const post = (): Promise<{ sent: number; answer: string }> =>
      new Promise((resolve) => {
        const socket = connect(Number(port), hostname);
        let sent = 0;
        const more = (): void => {
          peak = Math.max(peak, heldBytes());
          while (!socket.destroyed && sent < 100 * MIB) {
            sent += chunk.length;
            // Near the limit one at a time, so that the answer is not overtaken by the reset of a closed connection.
            if (!socket.write(chunk) || sent > 3 * MIB) break;
          }
          if (sent >= 100 * MIB) end('all of it was taken');
          else if (!socket.writableNeedDrain) later = setTimeout(more, 1);
        };
        let later: NodeJS.Timeout | undefined;
        const end = (answer: string): void => {
          peak = Math.max(peak, heldBytes());
          clearTimeout(later);
          socket.destroy();
          resolve({ sent, answer });
        };
        socket.on('connect', () => {
          socket.write(
            `POST /v1/instances HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${head.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
          );
          more();
        });
        socket.on('drain', more);
        socket.on('data', (data) => end(data.toString()));
        socket.on('error', () => end('reset'));
      });
    const ends = await Promise.all(Array.from({ length: 10 }, post));
    for (const { answer, sent } of ends) {
      expect(answer).toMatch(/ 413 [\s\S]*BODY_TOO_LARGE|^reset$/);
      expect(sent).toBeLessThan(32 * MIB);
    }
    expect(ends.filter(({ answer }) => answer !== 'reset').length).toBeGreaterThan(0);
    expect(peak - before).toBeLessThan(300 * MIB);
  });

  it('is refused with 413 at once when Content-Length says that it is too long', async () => {
    const reply = await head.call('POST', '/v1/instances', `"${long(5 * 1024 * 1024)}"`);
    expect(reply.status).toBe(413);
    expect(reply.json.error).toMatchObject({ code: 'BODY_TOO_LARGE', details: { limit: 4 * 1024 * 1024 } });
  });

  it('is refused with 415 for another content type', async () => {
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const reply = await head.call('POST', '/v1/instances', 'command=true', { 'content-type': type });
      expect([type, reply.status, reply.json.error.code]).toEqual([type, 415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
  });

  it('finds no route, or another method, said plainly', async () => {
    expect((await head.call('GET', '/v1/nothing')).json.error.code).toBe('ROUTE_NOT_FOUND');
    const wrongMethod = await head.call('PATCH', '/v1/instances');
    expect([wrongMethod.status, wrongMethod.json.error.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(wrongMethod.headers.get('allow')?.split(', ').toSorted()).toEqual(['DELETE', 'GET', 'POST']);
    // The path of a word, beside one of a parameter that it would fit as well.
    const besideParameter = await head.call('PATCH', '/v1/requests/cancel', 'no JSON at all');
    expect([besideParameter.status, besideParameter.headers.get('allow')]).toEqual([405, 'POST']);
    for (const path of [
      '/v1/../etc/passwd',
      '/v1/instances/..%2f..%2fetc',
      '/v1/instances/%00',
      '/%2e%2e/x',
    ]) {
      const reply = await head.call('GET', path);
      expect([path, reply.status]).toEqual([path, 404]);
    }
    for (const path of ['/v1/instances/%ff', `/v1/instances/${long(5_000)}`]) {
      expect((await head.call('GET', path)).json.error.code).toBe('ROUTE_NOT_FOUND');
    }
    expect((await head.call('GET', '/instances/by-name/%ff')).json).toEqual({ detail: 'Not Found' });
  });

  it('has a header of bounded size', async () => {
    const reply = await head.call('GET', '/v1/head', undefined, { 'x-long': long(20_000) });
    expect([reply.status, reply.json.error.code]).toEqual([431, 'HEADERS_TOO_LARGE']);
    expect(reply.headers.get('drover-request-id')).toBe(reply.json.error.requestId);
  });

  it('that is no HTTP is told so in the one shape of errors, and its connection ends', async () => {
    const { hostname, port } = new URL(head.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write('HELLO?\r\n\r\n'));
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(JSON.parse(answer.slice(answer.indexOf('{'))).error).toMatchObject({
      code: 'INVALID_REQUEST',
      details: { field: 'request' },
    });
  });

  it('refuses an unusable idempotency key', async () => {
    const reply = await head.call('POST', '/v1/instances', ok, { 'idempotency-key': long(201) });
    expect(reply.json.error.details.field).toBe('Idempotency-Key');
  });
});

describe('idempotency', () => {
  it('gives the same instance for the same key and body, and 409 for another body', async () => {
    const key = { 'idempotency-key': 'once' };
    const first = await head.call('POST', '/v1/instances', ok, key);
    const again = await head.call('POST', '/v1/instances', ok, key);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json.id).toBe(first.json.id);
    const other = await head.call('POST', '/v1/instances', { command: 'false' }, key);
    expect([other.status, other.json.error.code]).toEqual([409, 'IDEMPOTENCY_CONFLICT']);
    expect((await head.call('DELETE', `/v1/instances/${first.json.id}`)).status).toBe(204);
  });
});

describe('a call without the right token', () => {
  const wrong: [string, Record<string, string>][] = [
    ['none', { authorization: '' }],
    ['wrong', { authorization: 'Bearer drv_wrong' }],
    ['a prefix', { authorization: 'PREFIX' }],
    ['an unknown scheme', { authorization: 'Digest x' }],
    ['broken Basic', { authorization: 'Basic !!!' }],
    ['an empty one', { authorization: 'Bearer ' }],
  ];
  it.each(wrong)('is 401 without detail: %s', async (_, headers) => {
    const authorization =
      headers['authorization'] === 'PREFIX'
        ? `Bearer ${head.token.slice(0, -1)}`
        : (headers['authorization'] ?? '');
    const routes: [string, string][] = [
      ['GET', '/v1/instances'],
      ['POST', '/v1/instances'],
      ['DELETE', '/v1/instances'],
      ['GET', '/v1/instances/x'],
      ['GET', '/v1/instances/x/logs'],
      ['POST', '/v1/instances/x/cancel'],
      ['GET', '/v1/workers'],
      ['DELETE', '/v1/workers/x'],
      ['POST', '/v1/join-tokens'],
      ['POST', '/v1/join'],
      ['GET', '/v1/events'],
      ['GET', '/v1/head'],
      ['PUT', '/v1/link/streams/x'],
      ['GET', '/openapi.json'],
      ['GET', '/instances'],
      ['POST', '/instances'],
      ['DELETE', '/instances'],
      ['GET', '/workers'],
      ['GET', '/compat/pylet/workers'],
    ];
    for (const [method, path] of routes) {
      const body =
        path === '/v1/join'
          ? { workerId: '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c11' }
          : method === 'POST'
            ? ok
            : undefined;
      const reply = await head.call(method, path, body, { authorization });
      expect([method, path, reply.status]).toEqual([method, path, 401]);
      expect(reply.text).not.toContain(head.token);
    }
    expect((await head.call('GET', '/healthz', undefined, { authorization })).status).toBe(200);
  });

  it('gets in by Basic with any user name, and by Proxy-Authorization', async () => {
    const basic = `Basic ${Buffer.from(`anyone:${head.token}`).toString('base64')}`;
    expect((await head.call('GET', '/v1/head', undefined, { authorization: basic })).status).toBe(200);
  });

  it('cannot use a join token for anything but joining, nor an identity beyond its link', async () => {
    const { token } = (await head.call('POST', '/v1/join-tokens', {})).json;
    expect(
      (await head.call('GET', '/v1/instances', undefined, { authorization: `Bearer ${token}` })).status,
    ).toBe(401);
    const workerId = '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c12';
    const joined = await head.call('POST', '/v1/join', { workerId }, { authorization: `Bearer ${token}` });
    expect(joined.status).toBe(200);
    const asWorker = { authorization: `Bearer ${joined.json.token}` };
    for (const path of ['/v1/instances', '/v1/workers', '/v1/join-tokens', '/instances']) {
      expect((await head.call('GET', path, undefined, asWorker)).status).toBe(403);
    }
    const spent = await head.call(
      'POST',
      '/v1/join',
      { workerId: '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c13' },
      { authorization: `Bearer ${token}` },
    );
    expect([spent.status, spent.json.error.code]).toEqual([401, 'JOIN_TOKEN_INVALID']);
  });
});

it('said nothing of errors of its own', () => {
  expect(head.complaints).toEqual([]);
});
