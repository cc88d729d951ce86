import { describe, expect, it } from 'vitest';
import { Client } from '../client.ts';
import { closedPort, ID, instanceView, sendError, sendJson, stubHead } from '../testing/stub-head.ts';

describe('wait', () => {
  it('polls with what is left, by id after the first reply, until the end', async () => {
    await using head = await stubHead(async ({ query }, response, count) => {
      expect(query.get('wait')).toBe('final');
      await new Promise((resolve) => setTimeout(resolve, 20));
      sendJson(response, 200, instanceView({ status: count < 2 ? 'RUNNING' : 'COMPLETED', exitCode: 0 }));
    });
    const view = await new Client({ url: head.url }).instances.wait('my name', { timeoutMs: 5000 });
    expect(view.status).toBe('COMPLETED');
    expect(head.seen.map(({ path }) => path)).toEqual([
      '/v1/instances/my%20name',
      `/v1/instances/${ID}`,
      `/v1/instances/${ID}`,
    ]);
    expect(Number(head.seen[0]?.query.get('timeoutMs'))).toBeGreaterThan(4900);
  });

  it('keeps its time, whether the head is silent, punctual or away', async () => {
    await using silent = await stubHead(() => undefined);
    await using punctual = await stubHead(({ query }, response) => {
      setTimeout(() => sendJson(response, 200, instanceView()), Number(query.get('timeoutMs')));
    });
    await new Client({ url: punctual.url }).instances.get(ID).catch(() => undefined);
    for (const url of [silent.url, punctual.url, `http://127.0.0.1:${await closedPort()}`]) {
      const startedAt = performance.now();
      await expect(new Client({ url }).instances.wait(ID, { timeoutMs: 200 })).rejects.toMatchObject({
        code: 'TIMEOUT',
        details: { timeoutMs: 200 },
      });
      const took = performance.now() - startedAt;
      expect(took).toBeGreaterThanOrEqual(199);
      // Only tells that it does not hang.
      expect(took).toBeLessThan(4_000);
    }
  });

  it('looks once with timeoutMs 0', async () => {
    await using head = await stubHead((_, response, count) =>
      sendJson(response, 200, instanceView({ status: count === 0 ? 'COMPLETED' : 'RUNNING' })),
    );
    const { instances } = new Client({ url: head.url });
    expect((await instances.wait(ID, { timeoutMs: 0 })).status).toBe('COMPLETED');
    await expect(instances.wait(ID, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(instances.wait(ID, { timeoutMs: -1 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('survives a head that breaks off and starts again', async () => {
    await using head = await stubHead((_, response, count) => {
      if (count === 0) setTimeout(() => response.socket?.destroy(), 20);
      else if (count === 1) sendError(response, 503, 'SHUTTING_DOWN');
      else sendJson(response, 200, instanceView({ status: 'FAILED', exitCode: 7 }));
    });
    expect((await new Client({ url: head.url }).instances.wait(ID)).exitCode).toBe(7);
  });

  it('does not run in a tight loop on a head that answers at once', async () => {
    await using head = await stubHead((_, response) => sendJson(response, 200, instanceView()));
    const waiting = new Client({ url: head.url }).instances.wait(ID, { timeoutMs: 300 });
    await expect(waiting).rejects.toMatchObject({ code: 'TIMEOUT' });
    // About 10 pauses fit; a tight loop makes hundreds of calls.
    expect(head.seen.length).toBeLessThan(50);
  });
});

describe('waitRunning', () => {
  it.each(['RUNNING', 'COMPLETED'] as const)('returns for %s', async (status) => {
    await using head = await stubHead((_, response) => sendJson(response, 200, instanceView({ status })));
    expect((await new Client({ url: head.url }).instances.waitRunning(ID)).status).toBe(status);
  });

  it.each(['FAILED', 'CANCELLED'] as const)('throws for %s, with the instance', async (status) => {
    await using head = await stubHead((_, response) => sendJson(response, 200, instanceView({ status })));
    await expect(new Client({ url: head.url }).instances.waitRunning(ID)).rejects.toMatchObject({
      code: 'ALREADY_FINAL',
      details: { status, instance: { id: ID } },
    });
  });
});

describe('list', () => {
  it('goes through the pages and says what is wanted', async () => {
    await using head = await stubHead(({ query }, response) => {
      const more = query.get('cursor') === null;
      sendJson(response, 200, {
        items: [instanceView({ attempt: more ? 1 : 2 })],
        nextCursor: more ? '41' : null,
      });
    });
    const found: number[] = [];
    const filter = { status: ['RUNNING', 'PENDING'] as const, labels: { a: '1', b: 'x=y' } };
    for await (const { attempt } of new Client({ url: head.url }).instances.list(filter)) found.push(attempt);
    expect(found).toEqual([1, 2]);
    expect(head.seen[0]?.query.getAll('status')).toEqual(['RUNNING', 'PENDING']);
    expect(head.seen[0]?.query.getAll('label')).toEqual(['a=1', 'b=x=y']);
    expect(head.seen[1]?.query.get('cursor')).toBe('41');
  });
});

describe('the other calls', () => {
  it('speak as the interface says', async () => {
    await using head = await stubHead(({ method, path }, response) => {
      if (method === 'DELETE' && path.endsWith(ID)) response.writeHead(204).end();
      else if (method === 'DELETE') sendJson(response, 200, { deleted: 3 });
      else if (path === '/v1/workers' || path === '/v1/join-tokens') sendJson(response, 200, { items: [] });
      else sendJson(response, 200, instanceView());
    });
    const client = new Client({ url: head.url });
    await client.instances.cancel('web', { graceMs: 5 });
    await client.instances.forget('web');
    await client.instances.explain('web');
    expect(await client.instances.delete(ID)).toBeNull();
    expect(await client.instances.deleteAll({ status: 'FAILED' })).toBe(3);
    expect(await client.workers.list({ status: 'ONLINE' })).toEqual([]);
    await client.workers.delete(ID);
    expect(await client.workers.deleteAllOffline()).toBe(3);
    expect(await client.joinTokens.list()).toEqual([]);
    await client.joinTokens.delete(ID);
    expect(
      head.seen.map(({ method, path, query, body }) => `${method} ${path} ${query} ${body}`.trim()),
    ).toEqual([
      'POST /v1/instances/web/cancel  {"graceMs":5}',
      'POST /v1/instances/web/forget  {}',
      'GET /v1/instances/web/explain',
      `DELETE /v1/instances/${ID}`,
      'DELETE /v1/instances status=FAILED',
      'GET /v1/workers status=ONLINE',
      `DELETE /v1/workers/${ID}`,
      'DELETE /v1/workers status=OFFLINE',
      'GET /v1/join-tokens',
      `DELETE /v1/join-tokens/${ID}`,
    ]);
  });
});
