import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { localCluster } from './cluster.ts';
import { start } from './start.ts';

const PROGRAM = fileURLToPath(new URL('../testing/fake-program.mjs', import.meta.url));

let folder: string;
const notesFile = () => join(folder, 'notes');
const notes = async () => (await readFile(notesFile(), 'utf8').catch(() => '')).split('\n').filter(Boolean);
/** Ids of all processes that the fake program said it is or has started. */
const pids = async () =>
  (await notes()).flatMap((line) => /^(?:head|worker|command) (\d+)/.exec(line)?.[1] ?? []).map(Number);
const stateFolder = async () => {
  const line = (await notes()).findLast((one) => /^head \d/.test(one));
  return /--state (\S+)\/head/.exec(line ?? '')?.[1] ?? '';
};

/** A zombie whose parent is gone is dead too. */
async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tZ');
  return !/^State:\s+[ZX]/m.test(status);
}
const living = async () => {
  const all = await pids();
  const alive = await Promise.all(all.map(isAlive));
  return all.filter((_, index) => alive[index]);
};

/** The client as `local.mjs` beside a script that imports it. */
async function bundle(): Promise<void> {
  const entryPoints = [fileURLToPath(new URL('./index.ts', import.meta.url))];
  const outfile = join(folder, 'local.mjs');
  await build({ entryPoints, bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error' });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'client-test-'));
  vi.stubEnv('DROVER_BIN', PROGRAM);
  vi.stubEnv('DROVER_TOKEN', '');
  vi.stubEnv('FAKE_NOTES', notesFile());
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe('localCluster', () => {
  it('starts head and workers as told and leaves no process, port or folder', async () => {
    let address = '';
    let state = '';
    {
      await using cluster = await localCluster({
        workers: 2,
        cpusPerWorker: 3,
        memoryMiBPerWorker: 100,
        gpusPerWorker: 1,
      });
      address = cluster.address;
      expect(cluster.token).toBe('fake-token');
      expect(cluster.workers).toHaveLength(2);
      expect((await cluster.client.head.get()).herd).toBe('fake');
      expect(await living()).toHaveLength(5);
      state = await stateFolder();
      expect(existsSync(state)).toBe(true);
      const worker = (await notes()).find((line) => line.startsWith('worker '));
      expect(worker).toContain(`--head ${address} --json --cpus 3 --memory 100MiB --gpus 1`);
      expect((await notes()).filter((line) => line === 'worker joins with join')).toHaveLength(2);
    }
    expect(await living()).toEqual([]);
    expect(existsSync(state)).toBe(false);
    await expect(fetch(address)).rejects.toThrow();
    const ends = (await notes()).filter((line) => / stopped$|^(DELETE|POST) .*instances/.test(line));
    expect(ends).toEqual([
      'POST /v1/instances/i-1/cancel',
      'DELETE /v1/instances',
      'worker stopped',
      'worker stopped',
      'head stopped',
    ]);
  });

  it('runs twice at once, and ends after a throw', async () => {
    const failing = (async () => {
      await using one = await localCluster();
      await using two = await localCluster();
      expect(one.address).not.toBe(two.address);
      throw new Error('of the test');
    })();
    await expect(failing).rejects.toThrow('of the test');
    expect(await pids()).toHaveLength(6);
    expect(await living()).toEqual([]);
  });

  it('leaves nothing when a part does not start, and says why', async () => {
    vi.stubEnv('FAKE_FAIL', 'worker');
    await expect(localCluster()).rejects.toThrow(
      /"drover worker" ended with exit code 3 before it served:\nworker is starting\nno space left/,
    );
    expect(await living()).toEqual([]);
    expect(existsSync(await stateFolder())).toBe(false);
  });

  it('leaves nothing when this process is killed', async () => {
    const script = join(folder, 'script.mjs');
    await bundle();
    await writeFile(
      script,
      `import { localCluster } from './local.mjs';
       await localCluster({ graceMs: 100 });
       if (process.argv[2] === 'hang') setInterval(() => undefined, 1000);
       console.log('up');`,
    );
    for (const how of ['hang', 'end']) {
      const child = spawn(process.execPath, [script, how], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await new Promise((resolve) => child.stdout.once('data', resolve));
      if (how === 'hang') child.kill('SIGKILL');
      await ended;
      await expect.poll(living, { timeout: 5000 }).toEqual([]);
      const state = await stateFolder();
      await expect.poll(() => existsSync(state), { timeout: 5000 }).toBe(false);
    }
    expect(await pids()).toHaveLength(6);
  }, 20_000);
});

describe('start', () => {
  it('starts a head with a token, a worker that joins it, and stops both', async () => {
    await using head = await start({ port: 0, token: 'chosen', state: join(folder, 'head') });
    expect(head.token).toBe('chosen');
    const worker = await start({ address: head.address, token: head.token, cpus: 2 });
    expect(worker.id).toMatch(/^w-\d+$/);
    await worker.stop();
    expect((await notes()).filter((line) => line === 'worker stopped')).toHaveLength(1);
    await head.stop();
    await expect(fetch(head.address)).rejects.toThrow();
    // Stopping a worker ends no command.
    const left = await living();
    expect(left).toHaveLength(1);
    for (const pid of left) process.kill(pid, 'SIGKILL');
  });

  it('gives up after startMs and on an abort', async () => {
    await writeFile(join(folder, 'silent.mjs'), 'setInterval(() => undefined, 1000);');
    vi.stubEnv('DROVER_BIN', join(folder, 'silent.mjs'));
    await expect(start({ port: 0, startMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    const signal = AbortSignal.timeout(30);
    await expect(start({ port: 0, signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    vi.stubEnv('DROVER_BIN', join(folder, 'absent.mjs'));
    await expect(start()).rejects.toThrow(/^DROVER_BIN:/);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'in the foreground returns at %s, also while the program starts, and leaves nothing',
    async (signal) => {
      await bundle();
      const slow = join(folder, 'slow.mjs');
      await writeFile(
        slow,
        `import { appendFileSync } from 'node:fs';
         appendFileSync(process.env.FAKE_NOTES, 'head ' + process.pid + '\\n');
         setInterval(() => undefined, 1000);`,
      );
      const script = join(folder, 'foreground.mjs');
      await writeFile(
        script,
        `import { start } from './local.mjs';
         const running = start({ port: 0, block: true });
         console.log('called');
         console.log('returned', await running);`,
      );
      for (const program of [slow, PROGRAM]) {
        await writeFile(notesFile(), '');
        const env = { ...process.env, DROVER_BIN: program };
        const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'], env });
        let out = '';
        child.stdout.on('data', (chunk) => {
          out += String(chunk);
        });
        const ended = new Promise((resolve) => child.once('close', resolve));
        await expect.poll(pids, { timeout: 10_000 }).toHaveLength(1);
        child.kill(signal);
        expect([await ended, out]).toEqual([0, 'called\nreturned undefined\n']);
        expect(await living()).toEqual([]);
      }
    },
    30_000,
  );
});
