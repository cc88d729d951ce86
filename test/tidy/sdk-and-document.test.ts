/** What the SDK calls is in the API document, and what is in the document the SDK can call. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Client } from '../../packages/client/src/client.ts';
import type { ApiDocument } from '../../packages/head/src/http/document/json-schema.ts';
import { startTestHead } from '../../packages/head/src/testing/test-head.ts';

const ID = '01234567-89ab-4def-8123-456789abcdef';
/** Bears the fields that the methods look at, so that each gets to its end. */
const REPLY = {
  id: ID,
  status: 'COMPLETED',
  items: [],
  ids: [],
  jobIds: [],
  missing: [] as string[],
  projects: [],
  nextCursor: null,
  deleted: 0,
  attempt: 1,
  instances: [],
};
const REFUSED = { error: { code: 'INVALID_REQUEST', message: 'enough', details: {}, requestId: ID } };
/** Not for programs that have the SDK: for a browser, a probe, a scraper. */
const BESIDE = ['headDocs', 'headHealthz', 'headMetrics', 'headOpenapi', 'headReadyz'];

/** As a second or third argument: what waits gives up. */
const BRIEFLY = { timeoutMs: 1 };

/** Methods that want more than that, each once or more. */
const ARGUMENTS: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  'instances.submit': [[{ command: 'true' }]],
  'clusters.exec': [['x', { task: {} }]],
  'requests.cancel': [[{ all: true }]],
  'infra.up': [['local'], ['ssh/lab']],
  'infra.down': [['local'], ['ssh/lab']],
  'projects.setMember': [['x', 'ada', 'user']],
  'projects.removeMember': [['x', 'ada']],
};

test('the SDK and the document name the same calls', async () => {
  const head = await startTestHead();
  const document: ApiDocument = (await head.call('GET', '/openapi.json')).json;
  await head.close();
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({ path, method, operationId })),
  );
  const folder = mkdtempSync(join(tmpdir(), 'drover-sdk-'));
  writeFileSync(join(folder, 'small'), 'x');
  writeFileSync(join(folder, 'large'), 'x'.repeat(5_000_000));
  const called = new Set<string>();
  try {
    await callEverything(folder, called);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const matches = (call: string, { path, method }: (typeof operations)[number]): boolean =>
    new RegExp(`^${method} ${path.replace(/\{\w+\}/g, '[^/]+')}$`).test(call);
  const unknown = [...called].filter((call) => !operations.some((operation) => matches(call, operation)));
  expect(unknown.toSorted(), 'calls of the SDK that the document does not have').toEqual([]);
  const unused = operations.filter((operation) => ![...called].some((call) => matches(call, operation)));
  expect(
    unused.map(({ operationId }) => operationId).toSorted(),
    'operations that no method of the SDK calls',
  ).toEqual(BESIDE);
});

/** Calls each method of each service, with words for all that it wants. */
async function callEverything(folder: string, called: Set<string>): Promise<void> {
  const fetch = (async (url: string, { method = 'GET', body }: RequestInit = {}) => {
    called.add(`${method.toLowerCase()} ${new URL(url).pathname}`);
    // A stream that breaks off is taken up, for ever: one that is refused is not.
    if (/\/(events|logs?)$/.test(url.split('?')[0] ?? '')) return Response.json(REFUSED, { status: 400 });
    // Whatever is asked for has to be sent.
    const missing = url.endsWith('/missing') ? (JSON.parse(String(body)).sha256 as string[]) : [];
    const stored = Number(new URL(url).searchParams.get('size'));
    return Response.json({ ...REPLY, missing, stored, complete: true });
  }) as typeof globalThis.fetch;
  const client = new Client({ url: 'http://head', token: 'drv_x', fetch, retryMs: 0 });
  const services = Object.entries(client).filter(([, service]) => typeof service === 'object');
  expect(services.length).toBeGreaterThan(10);
  for (const [name, service] of services)
    for (const method of Object.getOwnPropertyNames(Object.getPrototypeOf(service))) {
      if (method === 'constructor') continue;
      const usual = [name === 'files' ? [folder] : ['x', BRIEFLY, BRIEFLY]];
      // What it makes of a reply that is none is its own affair: that it has called is what counts.
      for (const words of ARGUMENTS[`${name}.${method}`] ?? usual)
        await Promise.resolve(service[method](...words))
          .then((made) => drain(made))
          .catch(() => undefined);
    }
}

async function drain(made: unknown): Promise<void> {
  if (typeof made !== 'object' || made === null || !(Symbol.asyncIterator in made)) return;
  for await (const _ of made as AsyncIterable<unknown>) return;
}
