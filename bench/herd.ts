/** A herd of real processes to measure: one head, one worker, both as a user would start them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'drover';

export const DROVER = fileURLToPath(new URL('../bin/drover', import.meta.url));

export interface BenchHerd {
  readonly client: Client;
  readonly url: string;
  readonly token: string;
  readonly headPid: number;
  readonly workerPid: number;
  close(): Promise<void>;
}

/** Starts a program of Drover and waits for its line. */
export function serve(
  args: readonly string[],
): Promise<{ child: ChildProcess; ready: Record<string, string> }> {
  const child = spawn(DROVER, [...args, '--json', '--log-level', 'warn'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes('\n')) resolve({ child, ready: JSON.parse(out) as Record<string, string> });
    });
    child.once('exit', (code) => reject(new Error(`drover ${args[0]} ended with ${code}`)));
  });
}

export const gone = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));

/** Offers far more than the machine has, so that placement never is what bounds a figure. */
export async function startBenchHerd(): Promise<BenchHerd> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-bench-'));
  const head = await serve(['head', '--state', join(dir, 'head'), '--port', '0']);
  const url = head.ready['url'] ?? '';
  const token = readFileSync(head.ready['tokenFile'] ?? '', 'utf8');
  const client = new Client({ url, token });
  const join1 = await client.joinTokens.create({ uses: 1 });
  const size = ['--cpus', '100000', '--memory', '100000GiB', '--ports', '5000'];
  const worker = await serve([
    'worker',
    '--state',
    join(dir, 'worker'),
    '--head',
    url,
    '--join-token',
    join1.token,
    ...size,
  ]);
  return {
    client,
    url,
    token,
    headPid: head.child.pid ?? 0,
    workerPid: worker.child.pid ?? 0,
    async close() {
      await client.instances.deleteAll();
      while ((await client.instances.page({}, { limit: 1 })).items.length > 0)
        await new Promise((resolve) => setTimeout(resolve, 50));
      for (const { child } of [worker, head]) {
        child.kill('SIGTERM');
        await gone(child);
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}

/** CPU seconds that a process has used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
