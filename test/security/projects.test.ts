/** What belongs to one project, asked for from another, through every route that can name it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LinkClient } from '../../packages/head/src/testing/link-client.ts';
import { startTestHead, type TestHead, type TestReply } from '../../packages/head/src/testing/test-head.ts';

const SECRET = 'kleiner-falke';
let head: TestHead;
let worker: LinkClient;
let mine: Call;
let theirs: Call;
const names: Record<string, string> = {};

type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<TestReply>;
const callerWith =
  (token: string, project: string): Call =>
  (method, path, body, headers = {}) =>
    head.call(method, path, body, {
      authorization: `Bearer ${token}`,
      'drover-project': project,
      ...headers,
    });

async function member(name: string, project: string): Promise<Call> {
  await head.call('POST', '/v1/users', { name });
  await head.call('POST', '/v1/projects', { name: project });
  await head.call('PUT', `/v1/projects/${project}/members/${name}`, { role: 'user' });
  const { token } = (await head.call('POST', '/v1/tokens', { user: name, project })).json;
  return callerWith(token, project);
}

beforeAll(async () => {
  head = await startTestHead();
  worker = await LinkClient.open(head);
  theirs = await member('ana', 'lab');
  mine = await member('bo', 'shop');
  const submitted = await theirs('POST', '/v1/instances', {
    command: 'true',
    name: `${SECRET}-instance`,
    env: { KEY: SECRET },
    labels: { of: SECRET },
  });
  names.instance = submitted.json.id;
  const launched = await theirs('POST', '/v1/clusters/launch', {
    cluster: SECRET,
    retryUntilUp: true,
    task: { run: 'true', envs: { KEY: SECRET } },
  });
  expect([submitted.status, launched.status]).toEqual([201, 202]);
  names.request = launched.json.id;
  names.call = (await theirs('POST', '/status', {})).headers.get('x-skypilot-request-id') ?? '';
});
afterAll(async () => {
  worker?.ws.terminate();
  await head?.close();
});

/** Each with what stands for an object of the other project in it. */
const named = (): readonly (readonly [method: string, path: string, body?: unknown])[] => {
  const { instance = '', request = '', call = '' } = names;
  const cluster = { cluster_name: SECRET };
  const task = 'run: echo hi\n';
  return [
    ...[instance, instance.slice(0, 8), `${SECRET}-instance`].flatMap((ref) => [
      ['GET', `/v1/instances/${ref}`] as const,
      ['GET', `/v1/instances/${ref}?wait=final&timeoutMs=1`] as const,
      ['GET', `/v1/instances/${ref}/explain`] as const,
      ['GET', `/v1/instances/${ref}/logs`] as const,
      ['GET', `/v1/instances/${ref}/logs?follow=true`] as const,
      ['POST', `/v1/instances/${ref}/cancel`, {}] as const,
      ['POST', `/v1/instances/${ref}/forget`] as const,
      ['POST', `/v1/instances/${ref}/replace`] as const,
      ['DELETE', `/v1/instances/${ref}`] as const,
    ]),
    ...[request, request.slice(0, 8)].flatMap((ref) => [
      ['GET', `/v1/requests/${ref}`] as const,
      ['GET', `/v1/requests/${ref}?wait=true&timeoutMs=1`] as const,
      ['GET', `/v1/requests/${ref}/log`] as const,
      ['POST', '/v1/requests/cancel', { ids: [ref] }] as const,
      ['GET', `/api/get?request_id=${ref}`] as const,
      ['GET', `/api/stream?request_id=${ref}`] as const,
    ]),
    ['GET', `/api/get?request_id=${call}`],
    ['GET', `/api/stream?request_id=${call}`],
    ['GET', `/v1/clusters/${SECRET}`],
    ['POST', `/v1/clusters/${SECRET}/exec`, { task: { run: 'true' } }],
    ['POST', `/v1/clusters/${SECRET}/start`, {}],
    ['POST', `/v1/clusters/${SECRET}/stop`, {}],
    ['POST', `/v1/clusters/${SECRET}/down`, {}],
    ['PUT', `/v1/clusters/${SECRET}/autostop`, { autostop: null }],
    ['GET', `/v1/clusters/${SECRET}/jobs`],
    ['GET', `/v1/clusters/${SECRET}/jobs/1`],
    ['GET', `/v1/clusters/${SECRET}/jobs/-/log`],
    ['POST', `/v1/clusters/${SECRET}/jobs/cancel`, { all: true }],
    ['GET', '/v1/projects/lab'],
    ['GET', `/instances/${instance}`],
    ['GET', `/instances/${instance}/endpoint`],
    ['GET', `/instances/${instance}/result`],
    ['GET', `/instances/${instance}/logs`],
    ['POST', `/instances/${instance}/cancel`],
    ['DELETE', `/instances/${instance}`],
    ['GET', `/instances/by-name/${SECRET}-instance`],
    ['GET', `/instances/by-name/${SECRET}-instance/endpoint`],
    ['GET', `/instances/by-name/${instance.slice(0, 8)}`],
    ['DELETE', `/instances/by-name/${SECRET}-instance`],
    ['POST', '/download', { folder_paths: [`~/.sky/api_server/clients/x/sky_logs/${SECRET}/1`] }],
    // Answered as a request that has failed: the second call shows with what.
    ['POST', '/exec', { ...cluster, task }],
    ['POST', '/start', cluster],
    ['POST', '/stop', cluster],
    ['POST', '/down', cluster],
    ['POST', '/autostop', { ...cluster, idle_minutes: 5 }],
    ['POST', '/queue', cluster],
    ['POST', '/job_status', { ...cluster, job_ids: [1] }],
    ['POST', '/cancel', { ...cluster, all: true }],
    ['POST', '/logs', { ...cluster, job_id: 1, follow: false }],
    ['POST', '/download_logs', { ...cluster, job_ids: ['1'] }],
    ['POST', '/endpoints', { cluster: SECRET, cluster_name: SECRET }],
  ];
};

describe('what another project owns', () => {
  it('is in no list, and no stream of events', async () => {
    const lists = [
      ['GET', '/v1/instances'],
      ['GET', '/v1/clusters?allUsers=true'],
      ['GET', '/v1/requests?all=true&allUsers=true'],
      ['GET', '/v1/cost-report'],
      ['GET', '/v1/machines'],
      ['GET', '/v1/projects'],
      ['GET', '/v1/tokens'],
      ['GET', '/v1/whoami'],
      ['GET', '/instances'],
      ['GET', '/api/status?all_status=true'],
      ['GET', '/api/completion/cluster_name'],
      ['GET', '/api/completion/api_request'],
      ['GET', '/users'],
      ['GET', '/metrics'],
    ] as const;
    for (const [method, path] of lists) {
      const reply = await mine(method, path);
      expect([path, reply.status, reply.text]).toEqual([path, 200, expect.not.stringContaining(SECRET)]);
      expect([path, reply.text]).toEqual([path, expect.not.stringMatching(/\blab\b|"ana"/)]);
    }
    for (const [path, body] of [
      ['/status', { all_users: true }],
      ['/cost_report', {}],
      ['/jobs/queue/v2', { all_users: true }],
    ] as const) {
      const id = (await mine('POST', path, body)).headers.get('x-skypilot-request-id');
      const reply = await mine('GET', `/api/get?request_id=${id}`);
      expect([path, reply.status, reply.text]).toEqual([path, 200, expect.not.stringContaining(SECRET)]);
    }
    const stop = new AbortController();
    const { rev } = (await head.call('GET', '/v1/head')).json;
    const events = await fetch(`${head.url}/v1/events?after=0`, {
      headers: {
        authorization: `Bearer ${(await head.call('POST', '/v1/tokens', { user: 'bo', project: 'shop' })).json.token}`,
      },
      signal: stop.signal,
    });
    await mine('POST', '/v1/instances', { command: 'true', name: 'last' });
    let text = '';
    for await (const chunk of events.body ?? []) {
      text += new TextDecoder().decode(chunk);
      if (text.includes('"last"')) break;
    }
    stop.abort();
    expect(rev).toBeGreaterThan(0);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('"ana"');
  });

  it('is not there, for whoever names it: no route tells it, changes it, or says that it exists', async () => {
    const before = (await theirs('GET', `/v1/instances/${names.instance}`)).json;
    const differs: unknown[] = [];
    for (const [method, path, body] of named()) {
      const reply = await mine(method, path, body);
      const asked = reply.headers.get('x-skypilot-request-id');
      const later = asked === null ? null : await mine('GET', `/api/get?request_id=${asked}`);
      const text = later?.text ?? reply.text;
      const isRefused = later === null ? reply.status === 404 : later.status === 500;
      if (!isRefused) differs.push([method, path, reply.status, text.slice(0, 200)]);
      // What was asked for may be said back; what it is, may not.
      if (/RUNNING|PENDING|"env"|"ana"/.test(text)) differs.push([method, path, text.slice(0, 300)]);
    }
    expect(differs).toEqual([]);
    const after = (await theirs('GET', `/v1/instances/${names.instance}`)).json;
    expect(after).toEqual(before);
    expect((await theirs('GET', `/v1/clusters/${SECRET}`)).json).toMatchObject({ autostop: null });
    expect((await theirs('GET', `/v1/requests/${names.request}`)).json.status).not.toBe('CANCELLED');
  });

  it('does not take a name from others, and an idempotency key of others is nothing', async () => {
    const key = { 'idempotency-key': crypto.randomUUID() };
    const one = await theirs('POST', '/v1/instances', { command: 'true' }, key);
    const other = await mine('POST', '/v1/instances', { command: 'true' }, key);
    expect([one.status, other.status]).toEqual([201, 201]);
    expect(other.json.id).not.toBe(one.json.id);
    const same = await mine('POST', '/v1/instances', { command: 'true', name: `${SECRET}-instance` });
    expect(same.status).toBe(201);
    const request = await mine(
      'POST',
      '/v1/clusters/launch',
      { cluster: SECRET, task: { run: 'true' } },
      { 'idempotency-key': names.request ?? '' },
    );
    expect(request.json.error.code).toBe('IDEMPOTENCY_CONFLICT');
  });

  it('is deleted by nobody who deletes all of theirs', async () => {
    await mine('DELETE', '/v1/instances');
    await mine('DELETE', '/instances');
    await mine('POST', '/v1/requests/cancel', { all: true, allUsers: true });
    expect((await theirs('GET', `/v1/instances/${names.instance}`)).status).toBe(200);
    expect((await theirs('GET', `/v1/requests/${names.request}`)).json.status).not.toBe('CANCELLED');
  });
});
