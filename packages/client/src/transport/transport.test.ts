import { isDroverError } from '@drover/core';
import { describe, expect, it } from 'vitest';
import { Client } from '../client.ts';
import { pinnedFetch } from '../local/pinned-fetch.ts';
import { closedPort, ID, instanceView, sendError, sendJson, stubHead } from '../testing/stub-head.ts';
import { parseTarget, segment } from './target.ts';

const VIEW = instanceView();

describe('where a head is', () => {
  it.each([
    ['http://h:1', { url: 'http://h:1', token: undefined }],
    ['h:1', { url: 'http://h:1', token: undefined }],
    ['https://any:T%2Bk@h/below/', { url: 'https://h/below', token: 'T+k' }],
    ['http://only@h', { url: 'http://h', token: 'only' }],
  ])('reads %s', (address, target) => {
    expect(parseTarget(address)).toEqual(target);
  });

  it('prefers the token that is given to the one in the URL', () => {
    expect(parseTarget('http://any:inside@h', 'given').token).toBe('given');
  });

  it.each(['ftp://h', 'http://', 'http://h:99999'])('refuses %s', (address) => {
    expect(() => parseTarget(address)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });

  it('never puts a bad token into its message', () => {
    expect(() => parseTarget('http://h', 'secret with blanks')).toThrow(/^token: (?!.*secret)/);
  });

  it.each(['', '.', '..'])('refuses the reference "%s", which a URL would turn into another path', (ref) => {
    expect(() => segment(ref)).toThrow(/^ref:/);
  });
});

describe('a call', () => {
  it('carries the token, the body and an idempotency key, the same at each try', async () => {
    await using head = await stubHead((_, response, count) =>
      count === 0
        ? sendError(response, 503, 'STORE_FULL', 'full', {}, { 'retry-after': '0' })
        : sendJson(response, 201, VIEW),
    );
    const client = new Client({ url: head.url, token: 'T' });
    expect((await client.instances.submit({ command: 'true' })).id).toBe(ID);
    const [first, second] = head.seen;
    expect(first?.headers.authorization).toBe('Bearer T');
    expect(JSON.parse(first?.body ?? '')).toEqual({ command: 'true' });
    expect(first?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
  });

  it('is sent again after a lost reply when it is safe, with the same key', async () => {
    await using head = await stubHead((_, response, count) => {
      if (count < 2) response.socket?.destroy();
      else sendJson(response, 201, VIEW);
    });
    await new Client({ url: head.url }).instances.submit({ command: 'true' });
    expect(new Set(head.seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(head.seen).toHaveLength(3);
  });

  it('is not sent again after a lost reply when it is not safe', async () => {
    await using head = await stubHead((_, response) => {
      response.socket?.destroy();
    });
    const client = new Client({ url: head.url });
    await expect(client.instances.delete('a-name')).rejects.toMatchObject({ code: 'HEAD_UNREACHABLE' });
    await expect(client.instances.deleteAll()).rejects.toMatchObject({ code: 'HEAD_UNREACHABLE' });
    expect(head.seen).toHaveLength(2);
  });

  it('takes a delete whose first reply was lost as done', async () => {
    await using head = await stubHead((_, response, count) => {
      if (count === 0) response.socket?.destroy();
      else sendError(response, 404, 'INSTANCE_NOT_FOUND');
    });
    expect(await new Client({ url: head.url }).instances.delete(ID)).toBeNull();
  });

  it('takes a cancel whose first reply was lost as done', async () => {
    await using head = await stubHead(({ method }, response, count) => {
      if (count === 0) response.socket?.destroy();
      else if (method === 'POST') sendError(response, 409, 'ALREADY_FINAL');
      else sendJson(response, 200, instanceView({ status: 'CANCELLED' }));
    });
    expect((await new Client({ url: head.url }).instances.cancel(ID)).status).toBe('CANCELLED');
  });

  it('waits for a head that comes up later', async () => {
    const port = await closedPort();
    const reading = new Client({ url: `http://127.0.0.1:${port}` }).instances.get(ID);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await using _head = await stubHead((_seen, response) => sendJson(response, 200, VIEW), port);
    expect((await reading).id).toBe(ID);
  });

  it('gives up on an unreachable head after retryMs, and at once with 0', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    for (const retryMs of [300, 0]) {
      const startedAt = performance.now();
      const failing = new Client({ url, retryMs }).instances.get(ID);
      await expect(failing).rejects.toMatchObject({ code: 'HEAD_UNREACHABLE', details: { url } });
      // Only tells that it does not go on for the default 30 s.
      expect(performance.now() - startedAt).toBeLessThan(4_000);
    }
  });

  it('does not try again what cannot get better', async () => {
    await using head = await stubHead((_, response) => sendError(response, 503, 'LOG_UNAVAILABLE'));
    const failing = new Client({ url: head.url }).instances.logs(ID);
    await expect(failing).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect(head.seen).toHaveLength(1);
  });

  it('gives up on a head that does not answer', async () => {
    await using head = await stubHead(() => undefined);
    const failing = new Client({ url: head.url, replyMs: 50, retryMs: 0 }).instances.get(ID);
    await expect(failing).rejects.toMatchObject({ code: 'HEAD_UNREACHABLE', message: /within 50 ms/ });
  });
});

describe('errors', () => {
  it('come back with code, message, details and request id', async () => {
    await using head = await stubHead((_, response) =>
      sendError(response, 409, 'NAME_TAKEN', 'the name "a" is in use', { name: 'a' }),
    );
    const error = await new Client({ url: head.url }).instances.submit({ command: 'x' }).catch((e) => e);
    expect(isDroverError(error)).toBe(true);
    expect(error).toMatchObject({
      code: 'NAME_TAKEN',
      message: 'the name "a" is in use',
      details: { name: 'a' },
      requestId: 'r-1',
    });
  });

  it('of an unknown code become INTERNAL and keep their message', async () => {
    await using head = await stubHead((_, response) => sendError(response, 418, 'TEAPOT', 'short and stout'));
    await expect(new Client({ url: head.url }).head.get()).rejects.toMatchObject({
      code: 'INTERNAL',
      message: 'short and stout',
      details: { code: 'TEAPOT' },
    });
  });

  it.each([
    [502, 'HEAD_UNREACHABLE', `<h1>Bad Gateway</h1>${' '.repeat(5000)}`],
    [404, 'ROUTE_NOT_FOUND', '{"detail":"Not Found"}'],
    [500, 'INTERNAL', '{"error":"a string"}'],
    [418, 'INTERNAL', ''],
  ])(
    'of another server (%i) are named by status and address, without its page',
    async (status, code, body) => {
      await using head = await stubHead((_, response) => {
        response.writeHead(status, { 'content-type': 'text/html' }).end(body);
      });
      await expect(new Client({ url: head.url, retryMs: 0 }).head.get()).rejects.toMatchObject({
        code,
        message: `HTTP ${status} from ${head.url}: is this a Drover head?`,
      });
    },
  );

  it('are PROTOCOL when the reply is not JSON', async () => {
    await using head = await stubHead((_, response) => {
      response.end('hello');
    });
    await expect(new Client({ url: head.url }).head.get()).rejects.toMatchObject({
      code: 'PROTOCOL',
      message: expect.stringContaining('is this a Drover head?'),
    });
  });
});

describe('TLS', () => {
  it.each([
    ['the global fetch', undefined],
    ['the lean one', pinnedFetch],
  ])('a head without it is called with http: %s says so at once', async (_, make) => {
    await using head = await stubHead((_seen, response) => sendJson(response, 200, VIEW));
    const url = head.url.replace('http:', 'https:');
    const fetch = make?.(
      `ca_${Buffer.from([0x30, 0x82, 1, 40, ...Array(296).fill(0)]).toString('base64url')}`,
    );
    await expect(new Client({ url, fetch }).instances.get(ID)).rejects.toMatchObject({
      code: 'HEAD_UNREACHABLE',
      message: expect.stringContaining('say http:// instead of https://'),
    });
  });
});

describe('an abort', () => {
  it('ends a call under way, a pause between tries, and a call not yet made', async () => {
    await using silent = await stubHead(() => undefined);
    const dead = `http://127.0.0.1:${await closedPort()}`;
    for (const url of [silent.url, dead]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 30);
      const startedAt = performance.now();
      await expect(new Client({ url }).instances.get(ID, { signal: controller.signal })).rejects.toThrow(
        'enough',
      );
      // Only tells that it does not hang.
      expect(performance.now() - startedAt).toBeLessThan(4_000);
    }
    const over = AbortSignal.abort(new Error('before'));
    await expect(new Client({ url: dead }).instances.get(ID, { signal: over })).rejects.toThrow('before');
    expect(silent.seen).toHaveLength(1);
  });

  it('of the client ends all its calls', async () => {
    await using silent = await stubHead(() => undefined);
    const client = new Client({ url: silent.url });
    const calls = [client.head.get(), client.instances.wait(ID)];
    client.close();
    for (const call of calls) await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    await expect(client.head.get()).rejects.toMatchObject({ name: 'AbortError' });
  });
});
