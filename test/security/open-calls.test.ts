/** What is open when its caller is let in no more: streams and waits end, and a body that comes late changes nothing. */
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LinkClient } from '../../packages/head/src/testing/link-client.ts';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';

let head: TestHead;
let worker: LinkClient;
let count = 0;
const sockets: Socket[] = [];
beforeAll(async () => {
  head = await startTestHead();
  worker = await LinkClient.open(head);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  worker?.ws.terminate();
  await head?.close();
});

interface Person {
  readonly name: string;
  readonly token: string;
  readonly tokenId: string;
  readonly project: string;
}
/** A user of the head, member of a project of its own. */
async function person(role = 'user'): Promise<Person> {
  count += 1;
  const [name, project] = [`ana${count}`, `lab${count}`];
  await head.call('POST', '/v1/users', { name, role });
  await head.call('POST', '/v1/projects', { name: project });
  await head.call('PUT', `/v1/projects/${project}/members/${name}`, { role });
  const { token, id: tokenId } = (await head.call('POST', '/v1/tokens', { user: name })).json;
  return { name, token, tokenId, project };
}

/** Sends bytes as they are. */
function send(bytes: string): { socket: Socket; text: () => string; closed: Promise<void> } {
  const { hostname, port } = new URL(head.url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('error', () => undefined);
  return {
    socket,
    text: () => text,
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
  };
}
const call = (who: Person, line: string, ...more: string[]) =>
  send(
    [
      `${line} HTTP/1.1`,
      'Host: localhost',
      `Authorization: Bearer ${who.token}`,
      `Drover-Project: ${who.project}`,
      ...more,
      '\r\n',
    ].join('\r\n'),
  );

const ENDS: [what: string, end: (who: Person) => Promise<{ status: number }>, refusal: string][] = [
  ['its token is revoked', (who) => head.call('DELETE', `/v1/tokens/${who.tokenId}`), '401'],
  [
    'its user is disabled',
    (who) => head.call('PATCH', `/v1/users/${who.name}`, { status: 'DISABLED' }),
    '401',
  ],
  ['its user is deleted', (who) => head.call('DELETE', `/v1/users/${who.name}`), '401'],
  [
    'its user is a member no more',
    (who) => head.call('DELETE', `/v1/projects/${who.project}/members/${who.name}`),
    '404',
  ],
];

describe('what is open', () => {
  it.each(ENDS)('ends when %s: streams are cut, waits refused', async (_, end, refusal) => {
    const who = await person();
    const { json } = await head.call(
      'POST',
      '/v1/instances',
      { command: 'true' },
      { authorization: `Bearer ${who.token}`, 'drover-project': who.project },
    );
    const stream = call(who, 'GET /v1/events');
    const wait = call(who, `GET /v1/instances/${json.id}?wait=final&timeoutMs=60000`);
    const bystander = await person();
    const other = call(bystander, 'GET /v1/events');
    await expect.poll(() => [stream, other].every((each) => each.text().includes(': revision'))).toBe(true);
    expect((await end(who)).status).toBeLessThan(300);
    await Promise.all([stream.closed, wait.closed]);
    expect(wait.text()).toMatch(new RegExp(`^HTTP/1\\.1 ${refusal} `));
    expect(other.socket.closed).toBe(false);
  });

  it('ends when its user may less than at its start, though still enough for a new one', async () => {
    const who = await person('admin');
    const stream = call(who, 'GET /v1/events');
    await expect.poll(stream.text).toContain(': revision');
    await head.call('PATCH', `/v1/users/${who.name}`, { role: 'user' });
    await stream.closed;
    const again = call(who, 'GET /v1/events');
    await expect.poll(again.text).toContain(': revision');
  });

  it('of the foreign clients too: a log that is followed', async () => {
    const who = await person();
    const launched = await head.call(
      'POST',
      '/v1/clusters/launch',
      { cluster: 'c', retryUntilUp: true, task: { run: 'true' } },
      { authorization: `Bearer ${who.token}`, 'drover-project': who.project },
    );
    expect(launched.status).toBe(202);
    const stream = call(who, `GET /api/stream?request_id=${launched.json.id}&follow=true`);
    await expect.poll(stream.text).toMatch(/^HTTP\/1\.1 200 /);
    await head.call('DELETE', `/v1/projects/${who.project}/members/${who.name}`);
    await stream.closed;
  });

  it('of the foreign clients, and names no project: with that of what it has found, and with no other', async () => {
    const who = await person();
    const nowhere = { ...who, project: '' };
    const [left, deleted] = [(await person()).project, (await person()).project];
    for (const project of [left, deleted])
      await head.call('PUT', `/v1/projects/${project}/members/${who.name}`, { role: 'user' });
    const launched = await head.call(
      'POST',
      '/v1/clusters/launch',
      { cluster: 'd', retryUntilUp: true, task: { run: 'true' } },
      { authorization: `Bearer ${who.token}`, 'drover-project': who.project },
    );
    const ask = (path: string, by = nowhere) => call(by, `GET ${path}?request_id=${launched.json.id}`);
    const [wait, stream] = [ask('/api/get'), ask('/api/stream')];
    const admins = ask('/api/get', { ...nowhere, token: head.token });
    await expect.poll(stream.text).toMatch(/^HTTP\/1\.1 200 /);
    // They came before it, each on its connection; a call in between shows that they were read.
    await head.call('GET', '/v1/head');
    await head.call('DELETE', `/v1/projects/${left}/members/${who.name}`);
    expect((await head.call('DELETE', `/v1/projects/${deleted}`)).status).toBe(204);
    await head.call('GET', '/v1/head');
    expect([wait, stream, admins].map(({ socket }) => socket.closed)).toEqual([false, false, false]);
    expect([wait.text(), admins.text()]).toEqual(['', '']);
    await head.call('DELETE', `/v1/projects/${who.project}/members/${who.name}`);
    await stream.closed;
    await expect.poll(wait.text).toMatch(/^HTTP\/1\.1 403 /);
    expect(wait.text()).toContain(`no project ${who.project} for you`);
    expect(admins.text()).toBe('');
  });

  it('of the foreign clients, and belongs to no project: an upload, when its user may change nothing anywhere', async () => {
    const [who, { project: other }] = [await person(), await person()];
    await head.call('PUT', `/v1/projects/default/members/${who.name}`, { role: 'viewer' });
    await head.call('PUT', `/v1/projects/${other}/members/${who.name}`, { role: 'user' });
    const path = `/upload?user_hash=x&upload_id=u${count}&total_chunks=1`;
    const upload = call({ ...who, project: '' }, `POST ${path}`, 'Content-Length: 100');
    upload.socket.write('half');
    await expect.poll(() => upload.socket.bytesWritten).toBeGreaterThan(100);
    await head.call('GET', '/v1/head');
    // It may in two projects, then in one, then in none.
    await head.call('DELETE', `/v1/projects/${who.project}/members/${who.name}`);
    await head.call('GET', '/v1/head');
    expect(upload.socket.closed).toBe(false);
    await head.call('DELETE', `/v1/projects/${other}/members/${who.name}`);
    await upload.closed;
    expect(upload.text()).toMatch(
      /^HTTP\/1\.1 403 .*this needs the role user; ana\d+ is viewer in project default, and no more in any other/s,
    );
  });

  it('has its answer, if it is the call that ends it', async () => {
    const who = await person();
    const reply = call(who, 'DELETE /v1/tokens/current', 'Connection: close');
    await reply.closed;
    expect(reply.text()).toMatch(/^HTTP\/1\.1 204 /);
  });

  it('ends with the identity of a worker: its link, and what it sends beside it', async () => {
    const gone = await LinkClient.open(head);
    await gone.greet();
    const [{ id }] = (await head.call('GET', '/v1/workers?status=ONLINE')).json.items;
    const stream = send(
      `POST /v1/link/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${gone.token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    );
    await expect.poll(() => stream.socket.bytesWritten).toBeGreaterThan(100);
    await head.call('GET', '/v1/head');
    expect((await head.call('POST', `/v1/workers/${id}/revoke`)).status).toBe(200);
    await stream.closed;
    await gone.closed;
  });
});

describe('a body that comes late', () => {
  it.each(ENDS)('makes nothing when %s meanwhile', async (_, end, refusal) => {
    const who = await person();
    const body = '{"command":"true","name":"late"}';
    const late = call(
      who,
      'POST /v1/instances',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    );
    late.socket.write('{');
    await head.call('GET', '/v1/head');
    await end(who);
    late.socket.write(body.slice(1));
    await expect.poll(late.text).toMatch(new RegExp(`^HTTP/1\\.1 ${refusal} `));
    await late.closed;
    expect(
      (await head.call('GET', '/v1/instances', undefined, { 'drover-project': who.project })).json.items,
    ).toEqual([]);
  });

  it('makes nothing in a project that was deleted meanwhile, for the admin neither', async () => {
    const who = { ...(await person()), token: head.token };
    const body = '{"command":"true"}';
    const late = call(
      who,
      'POST /v1/instances',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    );
    late.socket.write('{');
    await head.call('GET', '/v1/head');
    expect((await head.call('DELETE', `/v1/projects/${who.project}`)).status).toBe(204);
    late.socket.write(body.slice(1));
    await expect.poll(late.text).toMatch(/^HTTP\/1\.1 404 .*PROJECT_NOT_FOUND/s);
  });
});
