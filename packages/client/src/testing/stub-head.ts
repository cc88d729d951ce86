/** A real HTTP server in the place of the head, for the tests of this package. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { InstanceView } from '@drover/core/wire';

/** One request as it came. */
interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers one request; `count` says how many came before it. */
export type Answer = (seen: Seen, response: ServerResponse, count: number) => void | Promise<void>;

/** The server with what it has seen. */
export interface StubHead extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly seen: Seen[];
}

export async function stubHead(answer: Answer, port = 0): Promise<StubHead> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://stub');
      const { method = '', headers } = request;
      const one = { method, path: url.pathname, query: url.searchParams, headers, body };
      seen.push(one);
      void answer(one, response, seen.length - 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message = code,
  details: object = {},
  headers: Record<string, string> = {},
): void {
  sendJson(response, status, { error: { code, message, details, requestId: 'r-1' } }, headers);
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const stub = await stubHead(() => undefined);
  await stub[Symbol.asyncDispose]();
  return stub.port;
}

export const ID = '11111111-2222-4333-8444-555555555555';

/** A view with what the test does not care about filled in. */
export function instanceView(part: Partial<InstanceView> = {}): InstanceView {
  return {
    id: ID,
    name: null,
    project: 'default',
    status: 'RUNNING',
    displayStatus: part.status ?? 'RUNNING',
    reason: null,
    since: '2026-01-01T00:00:00.000Z',
    attempt: 1,
    command: 'true',
    resources: { cpu: 1, memoryMiB: 512, diskMiB: 0, gpus: 0 },
    gpuIndices: null,
    requestedGpuIndices: null,
    exclusive: true,
    targetWorker: null,
    labels: {},
    env: {},
    venv: null,
    workdir: null,
    priority: 0,
    graceMs: 30_000,
    logCapMiB: 256,
    onWorkerLost: 'wait',
    lostAfterMs: null,
    workerId: null,
    endpoint: null,
    port: null,
    pid: null,
    exitCode: null,
    signal: null,
    log: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    assignedAt: null,
    startedAt: null,
    endedAt: null,
    cancelRequestedAt: null,
    submittedBy: 'admin',
    rev: 1,
    ...part,
  };
}
