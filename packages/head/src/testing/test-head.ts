/**
 * A real head in this process, on a free port and a temporary folder, for tests of its edge. What it answers has to be
 * what its routes say: see reply-check.ts.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Head, type HeadOptions, startHead } from '../wiring.ts';
import { assertReplies } from './reply-check.ts';

export interface TestHead {
  readonly url: string;
  readonly token: string;
  readonly stateDir: string;
  readonly routes: Head['routes'];
  /** What the head logged at warn or error. */
  readonly complaints: string[];
  /** One call with the admin's token, unless headers say otherwise. `body` undefined: none; a string: sent as it is. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<TestReply>;
  close(): Promise<void>;
}

export interface TestReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into replies of every shape
  readonly json: any;
}

export async function startTestHead(options: Partial<HeadOptions> = {}): Promise<TestHead> {
  const stateDir = mkdtempSync(join(tmpdir(), 'drover-head-'));
  const complaints: string[] = [];
  const note = (fields: Record<string, unknown>, message: string): void => {
    complaints.push(`${message} ${String(fields['err'] ?? '')}`);
  };
  const head = await startHead({
    stateDir,
    store: null,
    version: '0.0.0-test',
    host: '127.0.0.1',
    port: 0,
    alsoListen: null,
    trustLoopback: false,
    // Tests of the edge call wrongly on purpose, and often.
    callRates: null,
    pyletAccounting: 'strict',
    timing: {},
    log: { info: () => undefined, warn: note, error: note },
    onFatal: (error) => complaints.push(`fatal ${error.message}`),
    ...options,
  });
  const token = readFileSync(head.tokenFile, 'utf8');
  const port = Number(new URL(head.url).port);
  return {
    url: head.url,
    token,
    stateDir,
    routes: head.routes,
    complaints,
    async call(method, path, body, headers = {}) {
      const reply = await fetch(`${head.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await reply.text();
      assertReplies(port);
      const isJson = reply.headers.get('content-type')?.includes('json') === true;
      return { status: reply.status, headers: reply.headers, text, json: isJson ? JSON.parse(text) : null };
    },
    async close() {
      await head.close();
      rmSync(stateDir, { recursive: true, force: true });
      assertReplies(port);
    },
  };
}
