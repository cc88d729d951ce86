import { describe, expect, it } from 'vitest';
import { Client } from '../client.ts';
import { sendError, sendJson, stubHead } from '../testing/stub-head.ts';
import { parseEvents } from './sse.ts';

async function* inTurn(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

describe('server-sent events', () => {
  it('are read whatever the line ends and wherever the chunks are cut', async () => {
    const text =
      ': hello\r\nid: 7\r\nevent: a\r\ndata: one\r\ndata:two\r\n\r\ndata: é\n\nid\rdata: x\r\rdata: unfinished';
    const raw = new TextEncoder().encode(text);
    for (let size = 1; size < 12; size++) {
      const chunks = Array.from({ length: Math.ceil(raw.length / size) }, (_, i) =>
        raw.subarray(i * size, (i + 1) * size),
      );
      const found = await collect(parseEvents(inTurn(chunks)));
      expect(found).toEqual([
        { event: 'a', id: '7', data: 'one\ntwo' },
        { event: 'message', id: '7', data: 'é' },
        { event: 'message', id: '', data: 'x' },
      ]);
    }
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('events.follow', () => {
  it('starts from now, and after a break gives none twice and none of a cut revision is missing', async () => {
    const log = [
      { seq: 1, rev: 11 },
      { seq: 2, rev: 12 },
      { seq: 3, rev: 12 },
      { seq: 4, rev: 13 },
    ];
    await using head = await stubHead(({ path, query }, response) => {
      if (path === '/v1/head') return sendJson(response, 200, { rev: 10 });
      const after = Number(query.get('after'));
      const all = log.filter(({ rev }) => rev > after);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const one of after === 10 ? all.slice(0, 2) : all) {
        response.write(`id: ${one.rev}\ndata: ${JSON.stringify(one)}\n\n`);
      }
      setTimeout(() => response.destroy(), 10);
    });
    const seen: number[] = [];
    for await (const { seq } of new Client({ url: head.url }).events.follow()) {
      seen.push(seq);
      if (seq === 4) break;
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(head.seen.map(({ query }) => query.get('after'))).toEqual([null, '10', '11']);
  });

  it('says when it cannot go on', async () => {
    await using head = await stubHead((_, response) => sendError(response, 410, 'RESYNC'));
    const following = collect(new Client({ url: head.url }).events.follow({ after: 1 }));
    await expect(following).rejects.toMatchObject({ code: 'RESYNC' });
  });
});
