/** PyLet 0.5.0 as a peer: its own head and worker in a virtual environment, measured in the same run. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VENV = fileURLToPath(new URL('../.cache/venv-pylet-0.5.0', import.meta.url));
const URL_OF_HEAD = 'http://127.0.0.1:8000';

function install(): void {
  if (spawnSync(join(VENV, 'bin/python'), ['-c', 'import pylet']).status === 0) return;
  console.error('installing pylet 0.5.0 into a virtual environment');
  for (const [program, args] of [
    ['python3', ['-m', 'venv', VENV]],
    [join(VENV, 'bin/pip'), ['install', '-q', 'pylet==0.5.0']],
  ] as const) {
    if (spawnSync(program, args, { stdio: 'inherit' }).status !== 0)
      throw new Error(`${program} ${args.join(' ')} failed: the peer cannot be measured here`);
  }
}

async function untilWorkers(count: number): Promise<void> {
  for (let at = 0; at < 600; at++) {
    const workers = await fetch(`${URL_OF_HEAD}/workers`).then(
      (reply) => reply.json() as Promise<unknown[]>,
      () => null,
    );
    if (workers && workers.length >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('PyLet did not come up');
}

export interface PyletPeer {
  /** Submits `true` and polls each 5 ms until its end is visible: faster than PyLet's own library, which polls each 2 s. */
  runTrue(): Promise<void>;
  cli(): void;
  close(): Promise<void>;
}

export async function startPylet(): Promise<PyletPeer> {
  if (!existsSync(VENV)) console.error(`making ${VENV}`);
  install();
  const home = mkdtempSync(join(tmpdir(), 'drover-bench-pylet-'));
  const program = join(VENV, 'bin/pylet');
  const env = { ...process.env, HOME: home, PATH: `${join(VENV, 'bin')}:${process.env['PATH'] ?? ''}` };
  const start = (args: readonly string[]): ChildProcess =>
    spawn(program, [...args], { env, stdio: 'ignore' });
  const head = start(['start']);
  await untilWorkers(0);
  const worker = start(['start', '--head', '127.0.0.1:8000', '--cpu-cores', '64', '--memory-mb', '64000']);
  await untilWorkers(1);
  return {
    async runTrue() {
      const body = JSON.stringify({
        command: 'true',
        resource_requirements: { cpu_cores: 1, gpu_units: 0, memory_mb: 1 },
      });
      const reply = await fetch(`${URL_OF_HEAD}/instances`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      const { instance_id } = (await reply.json()) as { instance_id: string };
      for (let at = 0; at < 4_000; at++) {
        const instance = (await (await fetch(`${URL_OF_HEAD}/instances/${instance_id}`)).json()) as {
          status: string;
        };
        if (['COMPLETED', 'FAILED', 'CANCELLED'].includes(instance.status)) return;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      console.error(`PyLet: instance ${instance_id} has not ended within 20 s`);
    },
    cli() {
      spawnSync(program, ['list-workers'], { env, stdio: 'ignore' });
    },
    async close() {
      for (const child of [worker, head]) {
        const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        child.kill('SIGTERM');
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 35_000))]);
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
}
