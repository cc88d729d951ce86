/** One real head for a test of its store: started, asked, killed. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { end, startProgram } from '../e2e/real-herd.ts';

export interface Reply {
  readonly status: number;
  readonly retryAfter: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into replies of every shape
  readonly json: any;
}

export class RealHead {
  readonly dir = mkdtempSync(join(tmpdir(), 'drover-store-'));
  readonly state = join(this.dir, 'head');
  child: ChildProcess | null = null;
  url = '';
  token = '';
  /** The end of what it has said on standard error. */
  said = '';

  /** On the port that it had before. @throws when it ends instead of serving */
  async start(flags: readonly string[] = [], env: Record<string, string> = {}): Promise<void> {
    const port = this.url === '' ? '0' : new URL(this.url).port;
    const args = ['head', '--state', this.state, '--port', port, '--json', ...flags];
    const { child, ready } = await startProgram(args, { DROVER_STORE: '', ...env });
    this.child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.said = (this.said + chunk.toString()).slice(-20_000);
    });
    this.url = ready['url'] ?? '';
    this.token = readFileSync(ready['tokenFile'] ?? '', 'utf8');
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const reply = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    return {
      status: reply.status,
      retryAfter: reply.headers.get('retry-after'),
      json: text === '' ? null : JSON.parse(text),
    };
  }

  submit(fields: object = {}, headers: Record<string, string> = {}): Promise<Reply> {
    return this.call('POST', '/v1/instances', { command: 'true', ...fields }, headers);
  }

  /** Ids of all instances that it shows. */
  async ids(): Promise<string[]> {
    const found: string[] = [];
    let cursor = '';
    do {
      const { status, json } = await this.call('GET', `/v1/instances?limit=1000${cursor}`);
      if (status !== 200) throw new Error(`the list was answered with ${status}: ${JSON.stringify(json)}`);
      found.push(...json.items.map(({ id }: { id: string }) => id));
      cursor = json.nextCursor ? `&cursor=${encodeURIComponent(json.nextCursor)}` : '';
    } while (cursor !== '');
    return found.sort();
  }

  async kill(): Promise<void> {
    if (this.child) await end(this.child, 'SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.child) await end(this.child, 'SIGTERM');
  }

  /** Its exit code, when it ends by itself. */
  ended(): Promise<number | null> {
    const child = this.child;
    if (!child || child.exitCode !== null) return Promise.resolve(child?.exitCode ?? null);
    return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  async close(): Promise<void> {
    if (this.child) await end(this.child, 'SIGTERM');
    rmSync(this.dir, { recursive: true, force: true });
  }
}
