/** The routes by which files come and go, on a real head. */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, utimesSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { packHeader, readPack, type TreeEntry, treeText } from '@drover/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileStore } from '../files/file-store.ts';
import { LinkClient } from '../testing/link-client.ts';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

let head: TestHead;
let worker: LinkClient;
let workerToken: string;
beforeAll(async () => {
  head = await startTestHead();
  worker = await LinkClient.open(head);
  workerToken = worker.token;
  await worker.greet();
});
afterAll(async () => {
  worker.ws.terminate();
  await head.close();
});

const hashOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

async function send(method: string, path: string, body: Uint8Array | string, token = head.token) {
  const reply = await fetch(`${head.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    body,
  });
  return {
    status: reply.status,
    json: (await reply.json()) as Record<string, never> & {
      error: { code: string; message: string; details: Record<string, unknown> };
    },
  };
}
const packOf = (...contents: (Uint8Array | string)[]): Uint8Array =>
  Buffer.concat(
    contents.flatMap((content) => [
      packHeader(hashOf(content), Buffer.byteLength(content)),
      Buffer.from(content),
    ]),
  );
const fileEntry = (path: string, content: string, extra: Partial<TreeEntry> = {}): TreeEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  size: Buffer.byteLength(content),
  sha256: hashOf(content),
  ...extra,
});
const missing = async (...hashes: string[]): Promise<string[]> =>
  (await head.call('POST', '/v1/files/missing', { sha256: hashes })).json.missing;
const fetchAsWorker = async (path: string, body?: unknown) =>
  fetch(`${head.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${workerToken}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

describe('small contents', () => {
  it('come in a pack, and are asked for no more', async () => {
    const contents = Array.from({ length: 50 }, (_, at) => `content ${at}`);
    const hashes = contents.map(hashOf);
    expect(await missing(...hashes)).toEqual(hashes);
    const { status, json } = await send('POST', '/v1/files/pack', packOf(...contents));
    expect([status, json]).toEqual([200, { files: 50, bytes: contents.join('').length }]);
    expect(await missing(...hashes)).toEqual([]);
  });

  it('with a wrong hash, or cut, are refused, and nothing of them stays', async () => {
    const wrong = Buffer.concat([packHeader(hashOf('x'), 1), Buffer.from('y')]);
    expect(await send('POST', '/v1/files/pack', wrong)).toMatchObject({
      status: 400,
      json: { error: { code: 'CONTENT_MISMATCH' } },
    });
    expect((await send('POST', '/v1/files/pack', packOf('whole', 'cut').subarray(0, -1))).status).toBe(400);
    expect(await missing(hashOf('x'), hashOf('whole'))).toHaveLength(2);
  });

  it('are there after a head that was killed before they were settled', async () => {
    await send('POST', '/v1/files/pack', packOf('settled later'));
    // What another head would find: the pack is in the journal.
    expect(readdirSync(join(head.stateDir, 'files', 'journal')).length).toBeGreaterThan(0);
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const other = await openFileStore({ dir: join(head.stateDir, 'files'), log });
    expect(await other.has(hashOf('settled later'))).toBe(true);
    await other.close();
  });
});

describe('a large content', () => {
  const whole = randomBytes(3_000_000);
  const sha256 = hashOf(whole);
  const part = (from: number, to: number, body: Uint8Array = whole.subarray(from, to)) =>
    send('PUT', `/v1/files/${sha256}?offset=${from}&size=${whole.length}`, body);

  it('comes in parts, goes on where it was cut, and is checked at its end', async () => {
    expect((await part(0, 1_000_000)).json).toEqual({ stored: 1_000_000, complete: false });
    expect(await part(2_000_000, 3_000_000)).toMatchObject({
      status: 409,
      json: { error: { code: 'CONTENT_OFFSET', details: { offset: 1_000_000 } } },
    });
    // A connection that breaks within a part: what has come stays.
    await new Promise<void>((resolve) => {
      const call = request(`${head.url}/v1/files/${sha256}?offset=1000000&size=3000000`, {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${head.token}`,
          'content-type': 'application/octet-stream',
          'content-length': 2_000_000,
        },
      });
      call.on('error', () => resolve());
      call.write(whole.subarray(1_000_000, 1_500_000), () => call.destroy(new Error('cut')));
    });
    let reply = await part(0, 1);
    for (let offset = 0; reply.status === 409; reply = await part(offset, 3_000_000)) {
      offset = reply.json.error.details['offset'] as number;
      expect(offset).toBeGreaterThanOrEqual(1_000_000);
    }
    expect(reply.json).toEqual({ stored: 3_000_000, complete: true });
    expect(await missing(sha256)).toEqual([]);
    // Once more: it is here.
    expect((await part(0, 10)).json).toEqual({ stored: 3_000_000, complete: true });
  });

  it('that is another one is refused at its end', async () => {
    const other = hashOf('never sent');
    const reply = await send('PUT', `/v1/files/${other}?offset=0&size=3`, 'abc');
    expect(reply).toMatchObject({ status: 400, json: { error: { code: 'CONTENT_MISMATCH' } } });
    expect((await send('PUT', `/v1/files/${other}?offset=0&size=2`, 'abc')).status).toBe(400);
    expect(await missing(other)).toEqual([other]);
  });

  it('is fetched by the worker on which it is laid out, from any offset', async () => {
    expect((await fetchAsWorker(`/v1/link/files/${sha256}`)).status).toBe(404);
    const text = [...treeText([{ ...fileEntry('whole', ''), size: whole.length, sha256 }])].join('');
    await worker.layOut(head, (await send('POST', '/v1/trees', text)).json['tree'] ?? '');
    const reply = await fetchAsWorker(`/v1/link/files/${sha256}?offset=2999990`);
    expect(Buffer.from(await reply.arrayBuffer()).equals(whole.subarray(-10))).toBe(true);
    expect((await fetchAsWorker(`/v1/link/files/${hashOf('nothing')}`)).status).toBe(404);
  });
});

describe('a tree', () => {
  it('is named by its content, and its worker reads it', async () => {
    await send('POST', '/v1/files/pack', packOf('one', 'two'));
    const entries = [
      fileEntry('a', 'one'),
      { path: 'd', type: 'dir' as const, mode: 0o755 },
      fileEntry('d/b', 'two'),
    ];
    const text = [...treeText(entries)].join('');
    const { json } = await send('POST', '/v1/trees', text);
    expect(json).toEqual({ tree: hashOf(text), files: 2, bytes: 6 });
    // The same in any other order and form.
    const loose = JSON.stringify({ entries: [...entries].reverse(), v: 1 }, null, 2);
    expect((await send('POST', '/v1/trees', loose)).json).toEqual(json);
    expect((await fetchAsWorker(`/v1/link/trees/${hashOf(text)}`)).status).toBe(404);
    await worker.layOut(head, hashOf(text));
    expect(await (await fetchAsWorker(`/v1/link/trees/${hashOf(text)}`)).text()).toBe(text);
    const pack = await fetchAsWorker('/v1/link/files', { sha256: [hashOf('two'), hashOf('one')] });
    const got: string[] = [];
    for await (const item of readPack(pack.body as unknown as AsyncIterable<Uint8Array>))
      got.push(Buffer.from(item.bytes).toString());
    expect(got).toEqual(['two', 'one']);
  });

  it('whose contents are not here is refused with their hashes', async () => {
    const text = [...treeText([fileEntry('a', 'unsent'), fileEntry('b', 'one')])].join('');
    expect(await send('POST', '/v1/trees', text)).toMatchObject({
      status: 409,
      json: { error: { code: 'CONTENT_MISSING', details: { count: 1, missing: [hashOf('unsent')] } } },
    });
  });

  it.each<[string, unknown, string]>([
    ['climbs', [fileEntry('../a', 'one')], 'entries.0.path'],
    ['is absolute', [fileEntry('/a', 'one')], 'entries.0.path'],
    ['holds a path twice', [fileEntry('a', 'one'), fileEntry('a', 'one')], 'entries.1.path'],
    ['holds a device', [{ path: 'a', type: 'char' }], 'entries.0.type'],
    ['holds setuid', [fileEntry('a', 'one', { mode: 0o4755 })], 'entries.0.mode'],
    ['lies about a size', [fileEntry('a', 'one', { size: 2 ** 39 })], 'entries.0.size'],
    ['claims a petabyte', [fileEntry('a', 'one', { size: 2 ** 50 })], 'entries.0.size'],
    [
      'has an entry below a link',
      [{ path: 'a', type: 'link', target: 'b' }, fileEntry('a/b', 'one')],
      'entries.1.path',
    ],
    ['has a link that leaves', [{ path: 'a', type: 'link', target: '../b' }], 'entries.0.target'],
    ['is no list', 'x', 'entries'],
  ])('that %s is refused with field and rule', async (_, entries, field) => {
    const { status, json } = await send('POST', '/v1/trees', JSON.stringify({ v: 1, entries }));
    expect([status, json.error.details['field']]).toEqual([400, field]);
  });

  it.each([
    '{',
    '',
    '{"v":1,"entries":[\n{"path"\n]}',
    '{"v":1,"entries":[\n',
    '{"v":1,"entries":[\n]}\nmore',
    '\xff',
  ])('that is not JSON is refused: %j', async (text) => {
    const { status, json } = await send('POST', '/v1/trees', Buffer.from(text, 'latin1'));
    expect([status, json.error.code]).toEqual([400, 'INVALID_JSON']);
  });

  it('of 100,000 entries is taken', async () => {
    const entries = Array.from({ length: 100_000 }, (_, at) =>
      fileEntry(`f${String(at).padStart(6, '0')}`, 'one'),
    );
    const { status, json } = await send('POST', '/v1/trees', [...treeText(entries)].join(''));
    expect([status, json['files']]).toEqual([200, 100_000]);
  });
});

describe('access', () => {
  it('a worker sends nothing, and reads under its own identity only', async () => {
    expect((await send('POST', '/v1/files/pack', packOf('w'), workerToken)).status).toBe(403);
    expect((await head.call('GET', `/v1/link/trees/${hashOf('x')}`)).status).toBe(403);
  });

  it('a hash that is none is refused', async () => {
    expect((await head.call('POST', '/v1/files/missing', { sha256: ['../x'] })).status).toBe(400);
    expect((await send('PUT', '/v1/files/..%2f..%2fx?size=1', 'x')).status).toBe(400);
  });
});

describe('what nobody needs', () => {
  it('goes a day after it was last sent or asked for', async () => {
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const dir = join(head.stateDir, 'swept');
    const store = await openFileStore({ dir, log });
    const put = (text: string) =>
      store.putContent(
        (async function* () {
          yield Buffer.from(text);
        })(),
      );
    await Promise.all(['kept', 'gone', 'young'].map(put));
    const keep = await store.putTree({ v: 1, entries: [fileEntry('a', 'kept')] });
    const drop = await store.putTree({ v: 1, entries: [fileEntry('a', 'gone')] });
    const old = new Date(Date.now() - 25 * 3600 * 1000);
    for (const [kind, id] of [
      ['content', hashOf('kept')],
      ['content', hashOf('gone')],
      ['trees', keep.tree],
      ['trees', drop.tree],
    ] as const)
      utimesSync(join(dir, kind, id.slice(0, 2), id), old, old);
    expect(await store.sweep((tree) => tree === keep.tree)).toEqual({ trees: 1, contents: 1, bytes: 4 });
    expect(await Promise.all(['kept', 'gone', 'young'].map((text) => store.has(hashOf(text))))).toEqual([
      true,
      false,
      true,
    ]);
    expect([await store.hasTree(keep.tree), await store.readTree(drop.tree)]).toEqual([true, null]);
    await store.close();
  });
});
