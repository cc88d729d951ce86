/** The ids of `GET /v1/events`, as a plain EventSource uses them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

let head: TestHead;
beforeAll(async () => {
  head = await startTestHead();
});
afterAll(() => head.close());

interface Seen {
  readonly id: string;
  readonly rev: number;
  readonly seq: number;
}

/** Reads the given number of events, then breaks the connection off. */
async function read(count: number, query: string, lastEventId?: string): Promise<Seen[]> {
  const cut = new AbortController();
  const reply = await fetch(`${head.url}/v1/events${query}`, {
    headers: {
      authorization: `Bearer ${head.token}`,
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    },
    signal: cut.signal,
  });
  if (!reply.ok) throw new Error(await reply.text());
  const seen: Seen[] = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of reply.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const id = /^id: (.*)$/m.exec(block)?.[1];
      if (id !== undefined) seen.push({ ...JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? ''), id });
    }
    if (seen.length >= count) break;
  }
  cut.abort();
  return seen.slice(0, count);
}

describe('a reader of events', () => {
  it('that comes back with the last id misses none of a revision that was cut apart, and sees none twice', async () => {
    const { rev } = (await head.call('GET', '/v1/head')).json;
    for (let at = 0; at < 3; at++) await head.call('POST', '/v1/instances', { command: 'true' });
    expect((await head.call('DELETE', '/v1/instances')).json).toEqual({ deleted: 3 });
    await head.call('POST', '/v1/instances', { command: 'true', name: 'last' });
    const total = 7;
    const all = await read(total, `?after=${rev}`);
    const shared = all.filter((event) => all.some((other) => other !== event && other.rev === event.rev));
    expect(shared.length, 'one revision has several events').toBeGreaterThan(1);
    for (let at = 1; at < total; at++) {
      const rest = await read(total - at, '', all[at - 1]?.id);
      expect(rest.map(({ seq }) => seq)).toEqual(all.slice(at).map(({ seq }) => seq));
    }
  });

  it('may give a bare revision, which it has seen whole', async () => {
    const all = await read(7, '?after=0');
    const first = all[0] as Seen;
    const rest = all.filter((event) => event.rev > first.rev);
    expect((await read(rest.length, '', String(first.rev))).map(({ seq }) => seq)).toEqual(
      rest.map(({ seq }) => seq),
    );
  });

  it.each(['x', '1.', '.1', '-1', '1.2.3', '1'.repeat(16)])('is told of the unusable id %s', async (id) => {
    const reply = await head.call('GET', '/v1/events', undefined, { 'last-event-id': id });
    expect([reply.status, reply.json.error.details.field]).toEqual([400, 'Last-Event-ID']);
  });
});
