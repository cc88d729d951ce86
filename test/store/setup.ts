/** Starts one PostgreSQL server for the whole run; the tests make schemas of their own in it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

/** What `scripts/postgres.mjs` says of its server. */
export interface PostgresServer {
  readonly url: string;
  readonly dir: string;
  readonly bin: string;
  readonly pid: number;
  /** The user that the server runs as; null when it is ours. */
  readonly uid: number | null;
  readonly gid: number | null;
}

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: PostgresServer;
  }
}

const SCRIPT = fileURLToPath(new URL('../../scripts/postgres.mjs', import.meta.url));

/** @throws when there is no server to be had: these tests are never skipped in silence */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const line = createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const { value } = await line;
  if (value === undefined)
    throw new Error('the tests of the store need a PostgreSQL server: see the message above');
  project.provide('postgres', JSON.parse(value) as PostgresServer);
  return async () => {
    child.stdin.end();
    await ended;
  };
}
