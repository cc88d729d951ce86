import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

let head: TestHead;
beforeAll(async () => {
  head = await startTestHead();
});
afterAll(async () => {
  await head.close();
});

const scrape = async (): Promise<string> => (await head.call('GET', '/metrics')).text;
/** The value of one series; undefined: there is none. */
const seriesOf = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

describe('GET /metrics', () => {
  it('answers in the text format, to whoever has a token', async () => {
    const reply = await head.call('GET', '/metrics');
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(reply.text).toMatch(
      /^drover_build_info\{version="0.0.0-test",node="v\d+\.\d+\.\d+",store="sqlite"\} 1$/m,
    );
    expect((await head.call('GET', '/metrics', undefined, { authorization: '' })).status).toBe(401);
  });

  it('shows every status, also those of which there is nothing', async () => {
    const text = await scrape();
    for (const series of [
      'drover_instances{status="UNKNOWN"}',
      'drover_workers{status="OFFLINE"}',
      'drover_clusters{status="UP"}',
      'drover_jobs{status="RUNNING"}',
      'drover_requests{status="PENDING"}',
      'drover_machines{status="READY"}',
      'drover_worker_moves_total{to="SUSPECT",reason="HEARTBEAT_MISSED"}',
      'drover_oldest_waiting_seconds{noun="jobs"}',
    ])
      expect(seriesOf(text, series), series).toBe(0);
  });

  it('counts instances as they come, wait and end', async () => {
    const before = await scrape();
    const body = { command: 'true', resources: { cpu: 1 } };
    const made = await head.call('POST', '/v1/instances', body);
    expect(made.status).toBe(201);
    const waiting = await scrape();
    expect(seriesOf(waiting, 'drover_instances{status="PENDING"}')).toBe(1);
    expect(seriesOf(waiting, 'drover_oldest_waiting_seconds{noun="instances"}')).toBeGreaterThan(0);
    expect(seriesOf(waiting, 'drover_scheduler_waiting')).toBe(1);
    const commits = (text: string): number => seriesOf(text, 'drover_commit_seconds_count') ?? 0;
    expect(commits(waiting)).toBeGreaterThan(commits(before));
    expect(seriesOf(waiting, 'drover_scheduler_pass_seconds_count')).toBeGreaterThan(0);
    await head.call('POST', `/v1/instances/${made.json.id}/cancel`, {});
    const ended = await scrape();
    expect(seriesOf(ended, 'drover_instances_ended_total{status="CANCELLED"}')).toBe(1);
    expect(seriesOf(ended, 'drover_scheduler_waiting')).toBe(0);
  });

  it('knows calls by the pattern of their route, and by nothing that a caller can make up', async () => {
    for (let each = 0; each < 20; each++) await head.call('GET', `/nowhere/${each}`);
    for (let each = 0; each < 20; each++) await head.call('GET', `/v1/instances/secret-name-${each}`);
    const text = await scrape();
    expect(seriesOf(text, 'drover_http_calls_total{route="unknown",method="GET",status="4xx"}')).toBe(20);
    const one = 'drover_http_calls_total{route="/v1/instances/:ref",method="GET",status="4xx"}';
    expect(seriesOf(text, one)).toBe(20);
    expect(text).not.toContain('nowhere');
    expect(text).not.toContain('secret-name');
  });

  it('has buckets that add up', async () => {
    const text = await scrape();
    const series = 'route="unknown",method="GET",status="4xx"';
    expect(seriesOf(text, `drover_http_call_seconds_count{${series}}`)).toBe(20);
    expect(seriesOf(text, `drover_http_call_seconds_bucket{le="+Inf",${series}}`)).toBe(20);
    expect(seriesOf(text, `drover_http_call_seconds_sum{${series}}`)).toBeGreaterThan(0);
  });

  it('shows calls that are open, and a stream among them', async () => {
    const stream = new AbortController();
    const headers = { authorization: `Bearer ${head.token}` };
    await fetch(`${head.url}/v1/events`, { headers, signal: stream.signal });
    expect(seriesOf(await scrape(), 'drover_http_open_calls{route="/v1/events"}')).toBe(1);
    stream.abort();
    await expect
      .poll(async () => seriesOf(await scrape(), 'drover_http_open_calls{route="/v1/events"}'))
      .toBe(0);
    const text = await scrape();
    expect(seriesOf(text, 'drover_http_calls_total{route="/v1/events",method="GET",status="2xx"}')).toBe(1);
    // How long a reader stays says nothing about the head.
    const count = 'drover_http_call_seconds_count{route="/v1/events",method="GET",status="2xx"}';
    expect(seriesOf(text, count)).toBeUndefined();
  });
});

describe('a caller that goes away', () => {
  it('is counted, without a status and without a time', async () => {
    const made = await head.call('POST', '/v1/instances', { command: 'true' });
    const leaving = new AbortController();
    const open = 'drover_http_open_calls{route="/v1/instances/:ref"}';
    const gone = fetch(`${head.url}/v1/instances/${made.json.id}?wait=final`, {
      headers: { authorization: `Bearer ${head.token}` },
      signal: leaving.signal,
    }).catch(() => 'gone');
    await expect.poll(async () => seriesOf(await scrape(), open)).toBe(1);
    leaving.abort();
    expect(await gone).toBe('gone');
    const none = 'route="/v1/instances/:ref",method="GET",status="none"';
    await expect.poll(async () => seriesOf(await scrape(), `drover_http_calls_total{${none}}`)).toBe(1);
    const text = await scrape();
    expect(seriesOf(text, open)).toBe(0);
    expect(seriesOf(text, `drover_http_call_seconds_count{${none}}`)).toBeUndefined();
  });
});

describe('docs/operations.md', () => {
  const docs = readFileSync(
    fileURLToPath(new URL('../../../../docs/operations.md', import.meta.url)),
    'utf8',
  );
  const rows = [...docs.matchAll(/^\| `(drover_\w+)(?:\{([a-z,]+)\})?` \| (\w+) \|/gm)];

  it('has a row for each metric, and no other', async () => {
    const shown = [...(await scrape()).matchAll(/^# TYPE (drover_\S+) (\S+)$/gm)];
    const lines = shown.map(([, name, type]) => `${name} ${type}`);
    expect(rows.map(([, name, , type]) => `${name} ${type}`).toSorted()).toEqual(lines.toSorted());
  });

  it('has the labels that each metric has', async () => {
    const documented = new Map(rows.map(([, name, labels = '']) => [name, labels]));
    const seen = new Set<string>();
    for (const [, name = '', labels = ''] of (await scrape()).matchAll(/^(drover_\w+)(?:\{(.*)\})? \S+$/gm)) {
      const family = documented.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '');
      const names = [...labels.matchAll(/(\w+)="/g)]
        .map(([, label]) => label)
        .filter((label) => label !== 'le');
      expect(names.join(','), name).toBe(documented.get(family));
      seen.add(family);
    }
    expect(seen.size).toBeGreaterThan(25);
  });

  it('names no metric that does not exist', async () => {
    const known = new Set([...(await scrape()).matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name));
    for (const [name] of docs.matchAll(/\b(?:drover|process|nodejs)_[a-z0-9_]+\b/g)) {
      const family = name.replace(/_(?:bucket|sum|count)$/, '');
      expect(known.has(name) || known.has(family), name).toBe(true);
    }
  });
});

describe('health', () => {
  const none = { authorization: '' };
  it('is told to everybody, and is nothing but that', async () => {
    const alive = await head.call('GET', '/healthz', undefined, none);
    expect([alive.status, alive.json]).toEqual([200, { status: 'ok' }]);
    const ready = await head.call('GET', '/readyz', undefined, none);
    expect([ready.status, ready.json]).toEqual([200, { status: 'ready' }]);
  });
});
