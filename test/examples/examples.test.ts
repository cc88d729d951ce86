import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalCluster, type LocalClusterOptions, localCluster } from 'drover/local';
import { afterEach, describe, expect, it } from 'vitest';
import { runExample } from './run-example.ts';

const folders: string[] = [];
const clusters: LocalCluster[] = [];

afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.shutdown()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** How an example finds its own cluster. */
async function inCluster(options: LocalClusterOptions = {}): Promise<{ env: Record<string, string> }> {
  const cluster = await localCluster({ graceMs: 1000, ...options });
  clusters.push(cluster);
  return { env: { DROVER_HEAD: cluster.address, DROVER_TOKEN: cluster.token } };
}

const hasPython = (() => {
  try {
    execFileSync('python3', ['-c', 'import venv'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe('the examples print what they promise', () => {
  it.skipIf(!hasPython)('echo', async () => {
    expect(await runExample('echo', await inCluster())).toBe('Exit code: 0\nhello\n\nhello $HOME\n\n');
  });

  it.skipIf(!hasPython)('service', async () => {
    expect(await runExample('service', await inCluster())).toBe(
      "ready: true\n{ choices: [ { text: 'olleH' } ] }\nserving\n\nFinal status: CANCELLED\n",
    );
  });

  it('loop', async () => {
    expect(await runExample('loop', await inCluster())).toBe(
      'worker-0: worker 0\nworker-1: worker 1\nworker-2: worker 2\n',
    );
  });

  it('shared-gpus', async () => {
    expect(await runExample('shared-gpus', await inCluster({ gpusPerWorker: 4 }))).toBe(
      'store: 0,1,2,3\nfree: 0,1,2,3\nmodel: 0\nfree: 1,2,3\n',
    );
  });

  it.skipIf(!hasPython)('virtualenv', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-venv-'));
    folders.push(folder);
    const venv = join(folder, 'my venv');
    execFileSync('python3', ['-m', 'venv', '--without-pip', venv]);
    expect(await runExample('virtualenv', { ...(await inCluster()), args: [venv] })).toBe(
      `prefix: ${venv}\nrefused: venv\n`,
    );
  });

  it('delete', async () => {
    expect(await runExample('delete', await inCluster())).toBe(
      [
        'done: not found',
        'Deleted 1 failed instances',
        'Deleted 1 instances',
        'a worker that is ONLINE cannot be deleted',
        'Deleted 0 offline workers',
        '',
      ].join('\n'),
    );
  });

  it('failures', async () => {
    expect(await runExample('failures', await inCluster())).toBe(
      [
        'before init: NotInitializedError',
        'no head there: ConnectionError',
        'waitRunning: InstanceFailedError, exit code 7',
        'cancel: InstanceTerminatedError',
        'timeout: TimeoutError',
        'CANCELLED, exit code null',
        'get: NotFoundError',
        'memory: ValueError',
        '',
      ].join('\n'),
    );
  });
});

describe('the examples that start a herd leave nothing of it', () => {
  it('local-cluster', async () => {
    const output = await runExample('local-cluster');
    expect(output).toMatch(/^at 127\.0\.0\.1, 2 workers\n/);
    expect(
      output.match(/Instance\(id='[0-9a-f-]{36}', name='sleeper-[12]', status='RUNNING', endpoint='/g),
    ).toHaveLength(2);
    expect(output).toMatch(/initialised: false\n$/);
  });

  it('start', async () => {
    const port = String(await freePort());
    expect(await runExample('start', { env: { EXAMPLE_PORT: port } })).toBe(
      "{ status: 'ONLINE', gpu: 1, cpu: 2, memory: 1024 }\non GPU 0\n\nstopped\n",
    );
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  it('sdk', async () => {
    expect(await runExample('sdk')).toBe(
      [
        '1 worker',
        'step 1',
        'step 2',
        'step 3',
        "{ status: 'COMPLETED', exitCode: 0 }",
        "{ neverFits: true, code: 'NEVER_FITS' }",
        'INSTANCE_NOT_FOUND',
        '',
      ].join('\n'),
    );
  });
});

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
