/**
 * Paths that climb, in every place where a call can name something: each parameter of every route, every query of the
 * foreign protocols that names files. Nothing outside the state folder is read, made or removed, and nothing inside it
 * but what was asked for.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LinkClient } from '../../packages/head/src/testing/link-client.ts';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';

const SECRET = 'what lies outside';
let parent: string;
let head: TestHead;
let worker: LinkClient;

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'drover-paths-'));
  writeFileSync(join(parent, 'outside'), SECRET);
  mkdirSync(join(parent, 'state'), { mode: 0o700 });
  head = await startTestHead({ stateDir: join(parent, 'state') });
  worker = await LinkClient.open(head);
});
afterAll(async () => {
  worker?.ws.terminate();
  await head?.close();
  rmSync(parent, { recursive: true, force: true });
});

/** What `fetch` would tidy up on its way goes out as it is. */
function raw(
  method: string,
  path: string,
  token: string,
  body?: string,
): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(head.url);
  return new Promise((resolve, reject) => {
    const asked = request({
      hostname,
      port,
      path,
      method,
      agent: false,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
      },
    });
    asked.on('error', reject);
    asked.on('response', (reply) => {
      let text = JSON.stringify(reply.rawHeaders);
      const end = (): void => resolve({ status: reply.statusCode ?? 0, text });
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        // A stream that goes on: enough was seen.
        if (text.length > 100_000) reply.destroy();
      });
      reply.on('close', end);
    });
    asked.end(body);
  });
}

/** As a path has them, between two slashes. */
const CLIMBING = [
  '..',
  '%2e%2e',
  '..%2foutside',
  '..%2f..%2foutside',
  '%2e%2e%2f%2e%2e%2foutside',
  '..%252foutside',
  '%252e%252e%252foutside',
  '..%5coutside',
  '..%5c..%5coutside',
  '....%2f%2foutside',
  '%2fetc%2fpasswd',
  '%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd',
  'x%00',
  '%00..%2foutside',
  '%c0%ae%c0%ae%c0%afoutside',
  '%e0%80%ae%e0%80%ae%2foutside',
  '%ef%bc%8e%ef%bc%8e%2foutside',
  'x%0d%0aX-Evil:%201',
  'file:%2f%2f%2fetc%2fpasswd',
  '~',
  '~root',
  'admin.token',
  '..%2fadmin.token',
];

const outside = (): unknown => ({
  names: readdirSync(parent).sort(),
  text: readFileSync(join(parent, 'outside'), 'utf8'),
});
const own = (): string[] =>
  ['admin.token', 'drover.db', 'blobs', 'files'].filter((name) => statSync(join(parent, 'state', name)));
const tells = ({ text }: { readonly text: string }): boolean =>
  text.includes(SECRET) ||
  text.includes('root:') ||
  text.includes(head.token) ||
  /x-evil/i.test(text.split(']')[0] ?? '');

it('no parameter of any route is a path', async () => {
  const before = outside();
  const routes = head.routes.filter(({ method, path }) => method !== 'HEAD' && path.includes(':'));
  expect(routes.length).toBeGreaterThan(40);
  const differs: unknown[] = [];
  const tries = routes
    .filter(({ path }) => !path.startsWith('/compat/'))
    .flatMap((route) => CLIMBING.map((climbing) => ({ ...route, climbing })));
  const lane = async (): Promise<void> => {
    for (let next = tries.pop(); next; next = tries.pop()) {
      const { method, path, access, climbing } = next;
      const at = path.replaceAll(/:\w+/g, climbing);
      const token = access === 'worker' ? worker.token : head.token;
      const first = await raw(method, at, token, ['GET', 'DELETE'].includes(method) ? undefined : '{}');
      // What SkyPilot's clients ask becomes a request, which fails: with what is told by a second call.
      const asked = /"x-skypilot-request-id","([^"]+)"/.exec(first.text)?.[1];
      const reply =
        asked === undefined ? first : await raw('GET', `/api/get?request_id=${asked}`, head.token);
      const isRefused = reply.status >= 400 && (reply.status < 500 || asked !== undefined);
      if (!isRefused || tells(reply)) differs.push([method, at, reply.status, reply.text.slice(0, 300)]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  expect(differs).toEqual([]);
  expect([outside(), own().length]).toEqual([before, 4]);
}, 30_000);

it('no query that names something is a path', async () => {
  const before = outside();
  for (const value of CLIMBING)
    for (const [method, path] of [
      ['GET', `/api/get?request_id=${value}`],
      ['GET', `/api/stream?request_id=${value}`],
      ['GET', `/api/stream?log_path=${value}`],
      ['GET', `/upload_v2/blob?user_hash=${value}&blob_id=${value}`],
      ['POST', `/upload?user_hash=${value}&upload_id=${value}&chunk_index=0&total_chunks=1`],
      ['POST', `/upload_v2?user_hash=abcdef12&upload_id=${value}&chunk_index=0&total_chunks=1`],
      ['POST', `/upload?user_hash=abcdef12&upload_id=x&chunk_index=${value}&total_chunks=${value}`],
      ['GET', `/v1/instances?cursor=${value}`],
      ['GET', `/v1/requests?cursor=${value}`],
      ['GET', `/v1/audit?cursor=${value}`],
    ] as const) {
      const reply = await raw(method, path, head.token, method === 'POST' ? '{}' : undefined);
      expect([path, reply.status < 500, tells(reply)]).toEqual([path, true, false]);
    }
  expect([outside(), own().length]).toEqual([before, 4]);
});

it('no body that names something is a path', async () => {
  const before = outside();
  const bodies = CLIMBING.flatMap((encoded) => {
    const value = (() => {
      try {
        return decodeURIComponent(encoded);
      } catch {
        return encoded;
      }
    })();
    return [
      ['/v1/clusters/launch', { cluster: value, task: { run: 'true' } }],
      ['/v1/clusters/launch', { task: { run: 'true', workdir: value } }],
      ['/v1/clusters/launch', { task: { run: 'true', resources: { choices: [{ infra: value }] } } }],
      ['/v1/trees', { v: 1, entries: [{ path: value, type: 'dir', mode: 0o755 }] }],
      ['/v1/trees', { v: 1, entries: [{ path: 'x', type: 'file', size: 1, sha256: value }] }],
      ['/v1/files/missing', { sha256: [value] }],
      ['/v1/users', { name: value }],
      ['/v1/projects', { name: value }],
      ['/v1/join-tokens', { pool: value }],
      ['/download', { folder_paths: [value, `~/.sky/${value}`, `/${value}`] }],
      ['/logs', { cluster_name: value, job_id: value }],
    ] as const;
  });
  for (const [path, body] of bodies) {
    const reply = await raw('POST', path, head.token, JSON.stringify(body));
    expect([path, body, reply.status < 500, tells(reply)]).toEqual([path, body, true, false]);
  }
  expect([outside(), own().length]).toEqual([before, 4]);
  const bad = head.complaints.filter((line) => !/a request has failed/.test(line));
  expect(bad).toEqual([]);
});
