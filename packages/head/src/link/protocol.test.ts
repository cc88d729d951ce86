/** What is agreed on a link, and how messages are numbered and sealed. */
import { crc32 } from 'node:zlib';
import { sealMessage } from '@drover/core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LinkClient } from '../testing/link-client.ts';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

let head: TestHead;
beforeAll(async () => {
  head = await startTestHead();
});
afterAll(() => head.close());
const refused = async (): Promise<number> => (await head.call('GET', '/v1/head')).json.refusedFrames;

describe('the protocol of a link', () => {
  it('S13: an older worker is spoken to as it understands', async () => {
    const link = await LinkClient.open(head);
    link.sendBare(link.hello({ protocol: 1 }));
    expect(await link.next('welcome')).toMatchObject({ protocol: 1 });
    link.sendBare({ type: 'inventory', items: [] }, { type: 'ping', sentMs: 5 });
    expect(await link.next('pong')).toMatchObject({ sentMs: 5 });
    expect(link.heard.map(({ type }) => type)).not.toContain('settled');
    link.ws.terminate();
  });

  it('S13: with a newer worker the head speaks its own newest', async () => {
    const link = await LinkClient.open(head);
    link.send([link.hello({ protocol: 99, oldest: 1 })]);
    expect(await link.next('welcome')).toMatchObject({ protocol: 2 });
    link.send([{ type: 'inventory', items: [] }]);
    await link.next('settled');
    link.ws.terminate();
  });

  it('S13: where there is no common one, both are named', async () => {
    const link = await LinkClient.open(head);
    link.send([link.hello({ protocol: 9, oldest: 7 })]);
    const [code, reason] = await link.closed;
    expect(code).toBe(4400);
    expect(reason).toContain('the worker speaks 7 to 9, this head 1 to 2');
  });
});

describe('messages', () => {
  it('that come twice are taken once, and counted', async () => {
    const link = await LinkClient.open(head);
    link.send([link.hello({ protocol: 2, oldest: 1 })]);
    await link.next('welcome');
    const before = await refused();
    link.send([{ type: 'ping', sentMs: 1 }], 2);
    link.send([{ type: 'ping', sentMs: 2 }], 2);
    link.send([{ type: 'ping', sentMs: 3 }], 3);
    for (let pongs = 0; pongs < 2; ) {
      await link.next('pong');
      pongs = link.heard.filter(({ type }) => type === 'pong').length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(link.heard.filter(({ type }) => type === 'pong').map((frame) => frame['sentMs'])).toEqual([1, 3]);
    expect(await refused()).toBe(before + 1);
    link.ws.terminate();
  });

  it('that leave a gap end the link: what is missing would never be told', async () => {
    const link = await LinkClient.open(head);
    link.send([link.hello({ protocol: 2, oldest: 1 })]);
    await link.next('welcome');
    link.send([{ type: 'ping', sentMs: 1 }], 4);
    expect(await link.closed).toEqual([4400, 'message 4 came where 2 was due']);
  });

  it('N10: that are damaged end the link, though they are still JSON of the right form', async () => {
    const link = await LinkClient.open(head);
    link.send([link.hello({ protocol: 2, oldest: 1 })]);
    await link.next('welcome');
    const sound = { n: 2, herd: link.herd, epoch: 0, rev: 0, frames: [{ type: 'ping', sentMs: 1 }] };
    link.ws.send(JSON.stringify({ ...sound, crc: '00000000' }));
    expect((await link.closed)[0]).toBe(4400);
  });

  it('that are deeply nested end the link before they are parsed', async () => {
    const link = await LinkClient.open(head);
    link.send([link.hello({ protocol: 2, oldest: 1 })]);
    await link.next('welcome');
    const parse = vi.spyOn(JSON, 'parse');
    const nested = `${'['.repeat(100)}${']'.repeat(100)}`;
    const text = `{"n":2,"herd":"${link.herd}","epoch":0,"rev":0,"frames":[{"type":"ping","sentMs":1,"x":${nested}}]}`;
    link.ws.send(sealMessage(text, crc32));
    expect((await link.closed)[0]).toBe(4400);
    const parsed = parse.mock.calls.some(([given]) => String(given).includes(nested));
    parse.mockRestore();
    expect(parsed).toBe(false);
  });
});
