/** What an instance is, seen from outside: resources, environment, logs, deletes, explanations. Real head, real workers. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstanceView } from 'drover';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processStart } from './processes.ts';
import { RealHerd, until } from './real-herd.ts';

const herd = new RealHerd(['--ping', '200ms', '--suspect-after', '1s', '--offline-after', '3s']);
let gpuWorker = '';
let plainWorker = '';

beforeAll(async () => {
  await herd.startHead();
  gpuWorker = await herd.addWorker('gpu', ['--cpus', '8', '--memory', '8GiB', '--gpus', '4xA100:80GB']);
  plainWorker = await herd.addWorker('plain', ['--cpus', '8', '--memory', '8GiB', '--gpus', '0']);
});
afterAll(() => herd.close());

type Submit = Parameters<typeof herd.client.instances.submit>[0];
const small = { cpu: 0.1, memoryMiB: 64 };

async function run(input: Submit): Promise<{ view: InstanceView; log: string }> {
  const { id } = await herd.client.instances.submit({ resources: small, ...input });
  const view = await herd.client.instances.wait(id, { timeoutMs: 30_000 });
  return { view, log: await herd.client.instances.logText(id) };
}

describe('a command', () => {
  it('given as a string runs in a shell', async () => {
    const { view, log } = await run({ command: 'echo $((1+1)) # a comment' });
    expect([view.status, view.exitCode, log]).toEqual(['COMPLETED', 0, '2\n']);
  });

  it('given as a list runs without one: only $PORT and ${PORT} are replaced', async () => {
    const args = [
      '$HOME',
      '$(id)',
      'a$1',
      `it's "x"`,
      '\\n',
      '*',
      '$PORT',
      'p=${PORT};',
      '$PORTX',
      'ü\u0001',
    ];
    const { view, log } = await run({ command: ['printf', '%s\n', ...args] });
    const port = String(view.port);
    const expected = args.map((arg) => (arg === '$PORT' ? port : arg === 'p=${PORT};' ? `p=${port};` : arg));
    expect(log).toBe(expected.map((arg) => `${arg}\n`).join(''));
  });

  it('has its port, its marks and its own environment, and nothing of DROVER beside', async () => {
    const { view, log } = await run({ command: 'env | sort', name: 'envtest', env: { A: 'ü b', PORT: '1' } });
    const env = new Map(
      log
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    expect(env.get('A')).toBe('ü b');
    expect(env.get('PORT')).toBe(String(view.port));
    expect(env.get('CUDA_VISIBLE_DEVICES')).toBe('');
    const ours = [...env].filter(([key]) => key.startsWith('DROVER_'));
    expect(ours).toEqual([
      ['DROVER_ATTEMPT', '1'],
      ['DROVER_INSTANCE_ID', view.id],
      ['DROVER_INSTANCE_NAME', 'envtest'],
    ]);
  });

  it('may set CUDA_VISIBLE_DEVICES itself when it asked for no GPU', async () => {
    expect(
      (await run({ command: 'echo $CUDA_VISIBLE_DEVICES', env: { CUDA_VISIBLE_DEVICES: '7' } })).log,
    ).toBe('7\n');
  });

  it('runs in the working directory and the virtual environment that it names', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'drover-venv-'));
    execFileSync('python3', ['-m', 'venv', '--without-pip', join(dir, 'v')]);
    const { log } = await run({
      command: 'pwd; python -c "import sys; print(sys.prefix)"',
      workdir: dir,
      venv: join(dir, 'v'),
    });
    expect(log).toBe(`${dir}\n${join(dir, 'v')}\n`);
    const missing = await run({ command: 'true', venv: join(dir, 'nowhere') });
    expect([missing.view.status, missing.view.reason?.code]).toEqual(['FAILED', 'VENV_NOT_FOUND']);
    const nowhere = await run({ command: 'true', workdir: '/does/not/exist' });
    expect([nowhere.view.status, nowhere.view.reason?.code]).toEqual(['FAILED', 'WORKDIR_NOT_FOUND']);
    rmSync(dir, { recursive: true });
  });

  it('that is killed from outside ends with 128 and the signal', async () => {
    const { view } = await run({ command: 'kill -SEGV $$' });
    expect([view.status, view.exitCode, view.reason]).toEqual(['FAILED', 139, null]);
  });

  it('that takes more memory than it asked for is ended, and told so with limit and peak', async () => {
    const worker = await herd.client.workers.get(plainWorker);
    const { view } = await run({
      command: ['python3', '-c', 'x = bytearray(300 << 20); print(len(x))'],
      resources: { cpu: 0.1, memoryMiB: 100 },
      targetWorker: plainWorker,
    });
    if (!worker.supervision.memoryEnforced) {
      console.log(
        'memory limits are not enforced on this machine (no memory cgroup): only the absence of a false report is checked',
      );
      expect(view.status).toBe('COMPLETED');
      return;
    }
    expect([view.status, view.exitCode, view.reason?.code]).toEqual(['FAILED', 137, 'OUT_OF_MEMORY']);
    expect(view.reason?.message).toMatch(/100/);
  });
});

describe('a service', () => {
  it('is reached through its endpoint, from another address of this machine too', async () => {
    const { id } = await herd.client.instances.submit({
      command: 'exec python3 -u -m http.server $PORT',
      resources: small,
    });
    const view = await herd.client.instances.waitRunning(id);
    expect(view.endpoint).toMatch(/^[\d.]+:\d+$/);
    await until('it answers', () =>
      fetch(`http://${view.endpoint}/`).then(
        (reply) => reply.ok,
        () => false,
      ),
    );
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address && !address.internal && address.family === 'IPv4');
    if (outside) expect((await fetch(`http://${outside.address}:${view.port}/`)).ok).toBe(true);
    await herd.client.instances.cancel(id);
    const ended = await herd.client.instances.wait(id);
    expect([ended.status, ended.endpoint]).toEqual(['CANCELLED', null]);
    await expect(fetch(`http://${view.endpoint}/`)).rejects.toThrow();
  });

  it('each has a port of its own', async () => {
    const views = await Promise.all(Array.from({ length: 12 }, () => run({ command: 'echo $PORT' })));
    expect(new Set(views.map(({ log }) => log)).size).toBe(12);
  });
});

describe('GPUs', () => {
  const show = 'echo "gpus=$CUDA_VISIBLE_DEVICES"';

  it('are shown as found, and given by index', async () => {
    const worker = await herd.client.workers.get(gpuWorker);
    expect(worker.gpus.map((gpu) => [gpu.index, gpu.model, gpu.memoryMiB])).toEqual(
      [0, 1, 2, 3].map((index) => [index, 'A100', 81920]),
    );
    const two = await herd.client.instances.submit({
      command: `${show}; sleep 60`,
      resources: { ...small, gpus: 2 },
    });
    const held = await herd.client.instances.waitRunning(two.id);
    expect(held.gpuIndices).toEqual([0, 1]);
    expect((await herd.client.workers.get(gpuWorker)).gpuIndicesAvailable).toEqual([2, 3]);
    const exact = await run({ command: show, targetWorker: gpuWorker, gpuIndices: [3, 2] });
    expect([exact.log, exact.view.gpuIndices, exact.view.resources.gpus]).toEqual(['gpus=2,3\n', null, 2]);
    const shared = await run({ command: show, targetWorker: gpuWorker, gpuIndices: [0], exclusive: false });
    expect(shared.log).toBe('gpus=0\n');
    const blocked = await herd.client.instances.submit({
      command: show,
      targetWorker: gpuWorker,
      gpuIndices: [0],
      resources: small,
    });
    const why = await herd.client.instances.explain(blocked.id);
    expect(why.reason?.message).toContain('GPU 0 is held by another');
    await herd.client.instances.cancel(two.id);
    expect((await herd.client.instances.wait(blocked.id)).exitCode).toBe(0);
    expect((await herd.client.workers.get(gpuWorker)).gpuIndicesAvailable).toEqual([0, 1, 2, 3]);
  });

  it('that do not exist are refused, or explained', async () => {
    await expect(
      herd.client.instances.submit({ command: 'true', targetWorker: gpuWorker, gpuIndices: [4] }),
    ).rejects.toMatchObject({ code: 'INVALID_REQUEST', details: { field: 'gpuIndices' } });
    const { id } = await herd.client.instances.submit({ command: 'true', resources: { gpus: 5 } });
    expect(await herd.client.instances.explain(id)).toMatchObject({ neverFits: true });
    await herd.client.instances.delete(id);
  });
});

describe('placement', () => {
  it('goes where it is told, and refuses a worker that is unknown', async () => {
    const { view } = await run({ command: 'true', targetWorker: plainWorker });
    expect(view.workerId).toBe(plainWorker);
    await expect(
      herd.client.instances.submit({ command: 'true', targetWorker: '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c11' }),
    ).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
  });

  it('counts CPU and memory, and gives them back at the end', async () => {
    const { id } = await herd.client.instances.submit({
      command: 'sleep 60',
      resources: { cpu: 7.5, memoryMiB: 1000 },
      targetWorker: plainWorker,
    });
    await herd.client.instances.waitRunning(id);
    expect((await herd.client.workers.get(plainWorker)).available).toMatchObject({
      cpu: 0.5,
      memoryMiB: 7192,
    });
    const second = await herd.client.instances.submit({
      command: 'true',
      resources: { cpu: 1 },
      targetWorker: plainWorker,
    });
    expect(second.status).toBe('PENDING');
    expect(second.reason?.message).toContain('CPU short by 0.5');
    await herd.client.instances.cancel(id);
    expect((await herd.client.instances.wait(second.id)).status).toBe('COMPLETED');
    await until(
      'all is free again',
      async () => (await herd.client.workers.get(plainWorker)).available.cpu === 8,
    );
  });
});

describe('a log', () => {
  it('is read whole, by range and from its end, with its extent', async () => {
    const { view, log } = await run({ command: "head -c 3145728 /dev/zero | tr '\\0' 'z'; printf END" });
    expect(log.length).toBe(3145731);
    expect(await herd.client.instances.logText(view.id, { tail: 1000 })).toBe(`${'z'.repeat(997)}END`);
    expect(await herd.client.instances.logText(view.id, { tail: 0 })).toBe('');
    expect(await herd.client.instances.logText(view.id, { offset: 3145726, limit: 3 })).toBe('zzE');
    expect(await herd.client.instances.logText(view.id, { offset: 99_999_999 })).toBe('');
    const { log: extent } = await herd.client.instances.get(view.id);
    expect(extent).toMatchObject({ available: 0, size: 3145731 });
  });

  it('is whole at the very moment of the end, while it moves to the archive', async () => {
    const views = await Promise.all(
      Array.from({ length: 24 }, () =>
        herd.client.instances.submit({ command: "head -c 2000000 /dev/zero | tr '\\0' y", resources: small }),
      ),
    );
    const sizes = views.map(async ({ id }) => {
      await herd.client.instances.wait(id, { timeoutMs: 30_000 });
      return (await herd.client.instances.logs(id)).length;
    });
    expect(new Set(await Promise.all(sizes))).toEqual(new Set([2_000_000]));
  });

  it('is followed while it grows, to the very end, whatever bytes come', async () => {
    const { id } = await herd.client.instances.submit({
      command: 'for i in $(seq 1 30); do printf "%03d\\0\\377" $i; sleep 0.02; done',
      resources: small,
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of herd.client.instances.followLogs(id)) chunks.push(chunk);
    const expected = Buffer.concat(
      Array.from({ length: 30 }, (_, at) =>
        Buffer.from([...Buffer.from(String(at + 1).padStart(3, '0')), 0, 255]),
      ),
    );
    expect(Buffer.concat(chunks).equals(expected)).toBe(true);
    expect(chunks.length).toBeGreaterThan(3);
  });

  it('keeps what was written while it was being stopped', async () => {
    const { id } = await herd.client.instances.submit({
      command:
        "trap 'echo stopping; sleep 0.3; echo stopped; exit 5' TERM; echo up; while :; do sleep 0.05; done",
      resources: small,
    });
    await until('it is up', async () => (await herd.client.instances.logText(id).catch(() => '')) === 'up\n');
    await herd.client.instances.cancel(id);
    const view = await herd.client.instances.wait(id);
    expect([view.status, view.exitCode]).toEqual(['CANCELLED', 5]);
    // The shell may say in between that its sleep was terminated.
    expect(await herd.client.instances.logText(id)).toMatch(/^up\n(?:.*Terminated.*\n)?stopping\nstopped\n$/);
  });

  it('keeps its newest bytes up to the cap, at offsets that never shift', async () => {
    const { id } = await herd.client.instances.submit({
      command: 'seq 1 1000000; sleep 1.5; echo last',
      logCapMiB: 1,
      resources: small,
    });
    const view = await herd.client.instances.wait(id, { timeoutMs: 30_000 });
    const size =
      Array.from({ length: 7 }, (_, digits) => (digits === 6 ? 1 : 9 * 10 ** digits) * (digits + 2)).reduce(
        (a, b) => a + b,
      ) + 5;
    expect(view.log?.size).toBe(size);
    expect(view.log?.available).toBeGreaterThan(0);
    expect(await herd.client.instances.logText(id, { tail: 13 })).toBe('1000000\nlast\n');
    expect(await herd.client.instances.logText(id, { offset: size - 13 })).toBe('1000000\nlast\n');
  });
});

describe('names and deletes', () => {
  it('a name is free again after the end, and the newest bears it', async () => {
    const first = await run({ command: 'true', name: 'job' });
    const second = await herd.client.instances.submit({ command: 'sleep 60', name: 'job', resources: small });
    await expect(herd.client.instances.submit({ command: 'true', name: 'job' })).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    });
    expect((await herd.client.instances.get('job')).id).toBe(second.id);
    expect(first.view.id).not.toBe(second.id);
    await herd.client.instances.cancel('job');
    await herd.client.instances.wait(second.id);
  });

  it('deleting what runs ends it, and its record goes with its last process', async () => {
    const { id } = await herd.client.instances.submit({
      command: 'setsid sleep 600 & echo $!; wait',
      resources: small,
    });
    await until('the daemon is there', async () =>
      /^\d+\n$/.test(await herd.client.instances.logText(id).catch(() => '')),
    );
    const daemon = Number(await herd.client.instances.logText(id));
    await herd.client.instances.delete(id);
    await until('the record has gone', async () =>
      herd.client.instances.get(id).then(
        () => false,
        (error) => error.code === 'INSTANCE_NOT_FOUND',
      ),
    );
    expect(processStart(daemon)).toBeNull();
  });

  it('deleteAll counts, and takes a status', async () => {
    const { items } = await herd.client.instances.page({ status: 'COMPLETED' }, { limit: 1000 });
    expect(items.length).toBeGreaterThan(5);
    expect(await herd.client.instances.deleteAll({ status: 'COMPLETED' })).toBe(items.length);
    expect((await herd.client.instances.page({ status: 'COMPLETED' })).items).toEqual([]);
  });

  it('labels filter, all of them together', async () => {
    const a = await herd.client.instances.submit({
      command: 'true',
      labels: { team: 'x', 'a.b': '"quoted"' },
      resources: small,
    });
    const ids = async (labels: Record<string, string>): Promise<string[]> =>
      (await herd.client.instances.page({ labels })).items.map((each) => each.id);
    expect(await ids({ team: 'x', 'a.b': '"quoted"' })).toEqual([a.id]);
    expect(await ids({ team: 'x', 'a.b': 'other' })).toEqual([]);
  });
});

describe('a worker', () => {
  it('that is stopped and continued is SUSPECT, then OFFLINE, then back, with its instances untouched', async () => {
    const { id } = await herd.client.instances.submit({
      command: 'sleep 600',
      targetWorker: plainWorker,
      resources: small,
    });
    const before = await herd.client.instances.waitRunning(id);
    const child = herd.workers.get('plain')?.program.child;
    child?.kill('SIGSTOP');
    await herd.client.workers.wait(plainWorker, { status: 'SUSPECT', timeoutMs: 10_000 });
    await expect(
      herd.client.instances.submit({ command: 'true', targetWorker: plainWorker }),
    ).rejects.toMatchObject({ code: 'TARGET_WORKER_NOT_ONLINE' });
    await expect(herd.client.workers.delete(plainWorker)).rejects.toMatchObject({
      code: 'WORKER_NOT_OFFLINE',
    });
    await herd.client.workers.wait(plainWorker, { status: 'OFFLINE', timeoutMs: 10_000 });
    expect((await herd.client.instances.get(id)).status).toBe('UNKNOWN');
    child?.kill('SIGCONT');
    await herd.client.workers.wait(plainWorker, { status: 'ONLINE', timeoutMs: 10_000 });
    await until('it runs again', async () => (await herd.client.instances.get(id)).status === 'RUNNING');
    const after = await herd.client.instances.get(id);
    expect([after.pid, after.attempt]).toEqual([before.pid, 1]);
    await herd.client.instances.cancel(id);
    await herd.client.instances.wait(id);
  });

  it('refuses to start twice on one folder', async () => {
    const { startProgram } = await import('./real-herd.ts');
    await expect(startProgram(herd.workers.get('plain')?.args ?? [])).rejects.toThrow(/in use|lock|held/i);
  });

  it('that ends leaves its instances running; an OFFLINE one can be deleted with all it had', async () => {
    const id = await herd.addWorker('extra', ['--cpus', '2', '--memory', '1GiB']);
    const { id: instance } = await herd.client.instances.submit({
      command: 'sleep 600',
      targetWorker: id,
      resources: small,
    });
    const { pid } = await herd.client.instances.waitRunning(instance);
    const program = herd.workers.get('extra')?.program;
    const begun = performance.now();
    const gone = new Promise((resolve) => program?.child.once('exit', resolve));
    program?.child.kill('SIGTERM');
    await gone;
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(processStart(pid ?? 0)).not.toBeNull();
    await herd.client.workers.wait(id, { status: 'OFFLINE', timeoutMs: 10_000 });
    expect(await herd.client.workers.deleteAllOffline()).toBe(1);
    const ended = await herd.client.instances.get(instance);
    expect([ended.status, ended.reason?.code]).toEqual(['FAILED', 'WORKER_DELETED']);
    await expect(herd.client.workers.get(id)).rejects.toMatchObject({ code: 'WORKER_NOT_FOUND' });
    process.kill(-(pid ?? 0), 'SIGKILL');
    herd.workers.delete('extra');
  });
});

describe('events', () => {
  it('tell the life of an instance in order', async () => {
    const stop = new AbortController();
    const types: string[] = [];
    const { rev } = await herd.client.head.get();
    const { id } = await herd.client.instances.submit({ command: 'sleep 0.2', resources: small });
    for await (const event of herd.client.events.follow({ after: rev, id, signal: stop.signal })) {
      types.push(event.type);
      if (event.to === 'COMPLETED') break;
    }
    stop.abort();
    expect(types).toEqual(['submit', 'place', 'start', 'complete']);
  });
});
