/** `drover/local`: herds that come and go with a scope, and leave nothing behind. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { localCluster, start } from 'drover/local';
import { describe, expect, it, vi } from 'vitest';
import { processesWith, processStart } from './processes.ts';
import { until } from './real-herd.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Whether something listens there. */
const listens = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

describe('localCluster', () => {
  it('offers what was asked for, twice at once, and leaves no process, port or file', async () => {
    const one = await localCluster({
      workers: 2,
      cpusPerWorker: 3,
      memoryMiBPerWorker: 1024,
      gpusPerWorker: 2,
    });
    const two = await localCluster({ workers: 1 });
    expect(one.address).not.toBe(two.address);
    const workers = await one.client.workers.list();
    expect(workers.map((worker) => [worker.total.cpu, worker.total.memoryMiB, worker.total.gpus])).toEqual([
      [3, 1024, 2],
      [3, 1024, 2],
    ]);
    const sleeper = await one.client.instances.submit({
      command: 'setsid sleep 4711 & sleep 4711',
      resources: { memoryMiB: 64 },
    });
    await one.client.instances.waitRunning(sleeper.id);
    await until('the sleepers sleep', () => processesWith(sleeper.id).length >= 2);
    await one.shutdown();
    expect(processesWith(sleeper.id)).toEqual([]);
    expect(await listens(one.address)).toBe(false);
    expect(processStart(one.headPid)).toBeNull();
    expect((await two.client.head.get()).store.status).toBe('ok');
    await two.shutdown();
    expect(await listens(two.address)).toBe(false);
  });

  it('is of no project that the shell is set up for, which is one of another head', async () => {
    vi.stubEnv('DROVER_PROJECT', 'of-another-head');
    try {
      await using one = await localCluster();
      expect((await one.client.instances.submit({ command: 'true' })).project).toBe('default');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('is gone after its scope, also when that throws while instances run', async () => {
    let address = '';
    let id = '';
    const broken = async (): Promise<void> => {
      await using cluster = await localCluster({ workers: 1 });
      address = cluster.address;
      id = (await cluster.client.instances.submit({ command: 'sleep 4712' })).id;
      await cluster.client.instances.waitRunning(id);
      throw new Error('in the middle');
    };
    await expect(broken()).rejects.toThrow('in the middle');
    expect(await listens(address)).toBe(false);
    expect(processesWith(id)).toEqual([]);
  });

  it('is cleaned up even when the script that made it is killed with -9', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'drover-killed-'));
    const script = join(dir, 'script.mjs');
    writeFileSync(
      script,
      `import { localCluster } from ${JSON.stringify(join(root, 'packages/drover/dist/local.js'))};
       const cluster = await localCluster({ workers: 1 });
       const { id } = await cluster.client.instances.submit({ command: 'sleep 4713' });
       await cluster.client.instances.waitRunning(id);
       console.log(JSON.stringify({ id, address: cluster.address }));
       process.kill(process.pid, 'SIGKILL');`,
    );
    const { stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 30_000 });
    const { id, address } = JSON.parse(stdout) as { id: string; address: string };
    await until('the head has gone', async () => !(await listens(address)), 30_000);
    await until('the instance has gone', () => processesWith(id).length === 0, 30_000);
    rmSync(dir, { recursive: true });
  });
});

describe('start', () => {
  it('serves on the port that was asked for, with the token that was given, until it is stopped', async () => {
    const head = await start({ port: 0, token: 'drv_0123456789012345678901234' });
    expect(await listens(head.address)).toBe(true);
    const reply = await fetch(`${head.address}/v1/head`, {
      headers: { authorization: 'Bearer drv_0123456789012345678901234' },
    });
    expect(reply.status).toBe(200);
    await head.stop();
    expect(await listens(head.address)).toBe(false);
  });
});

describe('a script that ends without closing anything', () => {
  it('ends by itself', async () => {
    await using cluster = await localCluster({ workers: 1 });
    const dir = mkdtempSync(join(tmpdir(), 'drover-script-'));
    const script = join(dir, 'script.mjs');
    writeFileSync(
      script,
      `import { Client } from ${JSON.stringify(join(root, 'packages/drover/dist/index.js'))};
       const client = new Client({ url: ${JSON.stringify(cluster.address)}, token: ${JSON.stringify(cluster.token)} });
       const { id } = await client.instances.submit({ command: 'echo out' });
       const ended = await client.instances.wait(id);
       console.log(ended.status, performance.timeOrigin + performance.now());`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [script]);
    const [status, at] = stdout.trim().split(' ');
    expect(status).toBe('COMPLETED');
    // Only tells that nothing keeps it.
    expect(performance.timeOrigin + performance.now() - Number(at)).toBeLessThan(5_000);
    expect(existsSync(script)).toBe(true);
    rmSync(dir, { recursive: true });
  });
});
