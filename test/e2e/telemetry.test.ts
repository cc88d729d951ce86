/** What a real head tells of itself. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RealHerd } from './real-herd.ts';

const REQUEST = '0b9f8a52-6f0c-4a44-8f64-3d2f0c1a9b7e';

const herd = new RealHerd(['--log-level', 'debug']);
let log = '';
beforeAll(async () => {
  await herd.startHead();
  herd.head?.child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  await herd.addWorker('one');
});
afterAll(async () => {
  await herd.close();
});

const call = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${herd.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${herd.token}`, 'content-type': 'application/json', ...init.headers },
  });
const metric = async (series: string): Promise<number> => {
  const text = await (await call('/metrics')).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
};

it('says that it lives and is ready to everybody, and what it does to who has a token', async () => {
  for (const [path, status] of [
    ['/healthz', 200],
    ['/readyz', 200],
    ['/metrics', 401],
  ] as const)
    expect((await fetch(`${herd.url}${path}`)).status, path).toBe(status);
  expect((await call('/metrics')).status).toBe(200);
});

it('counts an instance that ran, and has its call in the log and in its events', async () => {
  const ended = 'drover_instances_ended_total{status="COMPLETED"}';
  expect(await metric(ended)).toBe(0);
  const reply = await call('/v1/instances', {
    method: 'POST',
    body: JSON.stringify({ command: 'echo one' }),
    headers: { 'drover-request-id': REQUEST },
  });
  expect(reply.headers.get('drover-request-id')).toBe(REQUEST);
  const { id } = (await reply.json()) as { id: string };
  await call(`/v1/instances/${id}?wait=final`);
  expect(await metric(ended)).toBe(1);
  expect(await metric('drover_workers{status="ONLINE"}')).toBe(1);
  expect(await metric('drover_order_seconds_count')).toBe(1);
  expect(await metric('drover_log_archived_bytes_total')).toBe('one\n'.length);
  await expect
    .poll(() => log.split('\n').find((line) => line.includes(REQUEST)))
    .toMatch(/"route":"\/v1\/instances".*"status":201/);
});
