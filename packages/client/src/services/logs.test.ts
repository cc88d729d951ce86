import type { InstanceView } from '@drover/core/wire';
import { describe, expect, it } from 'vitest';
import { Client } from '../client.ts';
import { type Answer, ID, instanceView, sendError, sendJson, stubHead } from '../testing/stub-head.ts';

const LOG = Buffer.from(Array.from({ length: 40 }, (_, i) => `line ${i}\n`).join(''));

interface LogHead {
  /** Bytes after which each reply breaks off; beyond the list: whole. */
  cuts: number[];
  status: InstanceView['status'];
  available: number;
  log: Buffer;
}

/** Serves one log as the head does: offset, limit and tail, headers, and connections that break where told. */
function serveLog(state: LogHead): Answer {
  let replies = 0;
  return ({ path, query }, response) => {
    const { log, available, status } = state;
    if (!path.endsWith('/logs')) {
      sendJson(
        response,
        200,
        instanceView({ status, log: { available, size: log.length, archived: false } }),
      );
      return;
    }
    const tail = query.get('tail');
    const asked = tail === null ? Number(query.get('offset') ?? 0) : Math.max(0, log.length - Number(tail));
    const start = Math.max(asked, available);
    const limit = query.get('limit');
    const bytes = log.subarray(start, limit === null ? undefined : start + Number(limit));
    const cut = state.cuts[replies++];
    response.writeHead(200, {
      'drover-log-offset': String(start),
      'drover-log-available': String(available),
      'drover-log-size': String(log.length),
    });
    if (cut === undefined) response.end(bytes);
    else if (cut === 0) response.destroy();
    else response.write(bytes.subarray(0, cut), () => setTimeout(() => response.destroy(), 2));
  };
}

const logOf = (state: Partial<LogHead> = {}): LogHead => ({
  cuts: [],
  status: 'COMPLETED',
  available: 0,
  log: LOG,
  ...state,
});

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

describe('logs', () => {
  it('are read whole, from an offset, up to a limit, and from the end', async () => {
    await using head = await stubHead(serveLog(logOf()));
    const { instances } = new Client({ url: head.url });
    expect(await instances.logText(ID)).toBe(LOG.toString());
    expect(await instances.logText(ID, { offset: 5, limit: 10 })).toBe(LOG.subarray(5, 15).toString());
    expect((await instances.logs(ID, { tail: 100 })).length).toBe(100);
    expect(await instances.logText(ID, { tail: 100 })).toBe(LOG.subarray(-100).toString());
    await expect(instances.logs(ID, { tail: -1 })).rejects.toMatchObject({ details: { field: 'tail' } });
  });

  it('are taken up where the connection broke', async () => {
    await using head = await stubHead(serveLog(logOf({ cuts: [7, 0, 11, 1] })));
    expect(await new Client({ url: head.url }).instances.logText(ID)).toBe(LOG.toString());
    const offsets = head.seen.map(({ query }) => query.get('offset'));
    expect(offsets).toEqual(['0', '7', '7', '18', '19']);
  });

  it('give up when a head breaks every reply', async () => {
    await using head = await stubHead(serveLog(logOf({ cuts: Array.from({ length: 999 }, () => 0) })));
    const reading = new Client({ url: head.url, retryMs: 150 }).instances.logs(ID);
    await expect(reading).rejects.toMatchObject({ code: 'HEAD_UNREACHABLE' });
  });
});

describe('followLogs', () => {
  it('delivers each byte once wherever the connection breaks', async () => {
    await Promise.all(
      Array.from({ length: 60 }, async (_, at) => {
        await using head = await stubHead(serveLog(logOf({ cuts: [at, (at * 7) % 13] })));
        const client = new Client({ url: head.url });
        expect(await collect(client.instances.followLogs(ID))).toBe(LOG.toString());
      }),
    );
  });

  it('starts at an offset or with the tail', async () => {
    await using head = await stubHead(serveLog(logOf({ cuts: [3] })));
    const { instances } = new Client({ url: head.url });
    expect(await collect(instances.followLogs(ID, { tail: 20 }))).toBe(LOG.subarray(-20).toString());
    expect(await collect(instances.followLogs(ID, { offset: 9 }))).toBe(LOG.subarray(9).toString());
  });

  it('goes on at the oldest kept byte when the next ones were dropped meanwhile', async () => {
    const state = logOf({ cuts: [10] });
    await using head = await stubHead(serveLog(state));
    let text = '';
    for await (const chunk of new Client({ url: head.url }).instances.followLogs(ID)) {
      text += Buffer.from(chunk).toString();
      state.available = 50;
    }
    expect(text).toBe(LOG.subarray(0, 10).toString() + LOG.subarray(50).toString());
  });

  it('drops what a head sends again from before the offset', async () => {
    await using head = await stubHead(({ path }, response) => {
      if (!path.endsWith('/logs')) {
        const log = { available: 0, size: LOG.length, archived: true };
        sendJson(response, 200, instanceView({ status: 'COMPLETED', log }));
      } else response.writeHead(200, { 'drover-log-offset': '0' }).end(LOG);
    });
    expect(await collect(new Client({ url: head.url }).instances.followLogs(ID, { offset: 30 }))).toBe(
      LOG.subarray(30).toString(),
    );
  });

  it('goes on with what was written while the connection was away, until the end', async () => {
    const state = logOf({ status: 'RUNNING', log: LOG.subarray(0, 20) });
    await using head = await stubHead(serveLog(state));
    let text = '';
    for await (const chunk of new Client({ url: head.url }).instances.followLogs(ID)) {
      text += Buffer.from(chunk).toString();
      if (text.length === 20) state.log = LOG.subarray(0, 90);
      else if (text.length === 90) Object.assign(state, { log: LOG, status: 'COMPLETED' });
    }
    expect(text).toBe(LOG.toString());
  });

  it('waits for the start, and takes up the log of a new attempt', async () => {
    let polls = 0;
    await using head = await stubHead(({ path, query }, response) => {
      const attempt = Number(query.get('attempt'));
      if (!path.endsWith('/logs')) {
        if (query.get('wait') === 'running') polls += 1;
        const log = { available: 0, size: 6, archived: true };
        const view =
          polls === 0
            ? instanceView({ status: 'PENDING', attempt: 0 })
            : polls === 1
              ? instanceView({ status: 'PENDING', attempt: 1 })
              : instanceView({ status: 'COMPLETED', attempt: 2, log });
        sendJson(response, 200, view);
      } else if (attempt === 0 || (attempt === 1 && polls === 0)) sendError(response, 404, 'LOG_NOT_FOUND');
      else {
        response.writeHead(200, { 'drover-log-offset': query.get('offset') ?? '0', 'drover-log-size': '6' });
        response.end(Number(query.get('offset')) >= 6 ? '' : `from ${attempt}`);
        polls += 1;
      }
    });
    expect(await collect(new Client({ url: head.url }).instances.followLogs('web'))).toBe('from 1from 2');
  });

  it('ends for one that was cancelled before it had a log', async () => {
    await using head = await stubHead(({ path }, response) => {
      if (path.endsWith('/logs')) sendError(response, 404, 'LOG_NOT_FOUND');
      else sendJson(response, 200, instanceView({ status: 'CANCELLED' }));
    });
    expect(await collect(new Client({ url: head.url }).instances.followLogs(ID))).toBe('');
  });

  it('ends on an abort and when the reader leaves, and frees the connection', async () => {
    let closed = 0;
    await using head = await stubHead(({ path }, response) => {
      if (!path.endsWith('/logs')) return sendJson(response, 200, instanceView());
      response.once('close', () => {
        closed += 1;
      });
      response.writeHead(200, { 'drover-log-offset': '0' }).write('first');
    });
    const { instances } = new Client({ url: head.url });
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _ of instances.followLogs(ID, { signal: controller.signal })) {
        setTimeout(() => controller.abort(new Error('enough')), 5);
      }
    })();
    await expect(reading).rejects.toThrow('enough');
    for await (const _ of instances.followLogs(ID)) break;
    await expect.poll(() => closed).toBe(2);
  });
});
