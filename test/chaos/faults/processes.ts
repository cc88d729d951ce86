/** Faults of processes: killed, ended, stopped for a while, started twice. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TIMING } from '../harness/herd.ts';
import { pause } from '../harness/shell.ts';
import { active, type Fault, OVER, takeHead, takeWorker } from './fault.ts';

/** A program that is asked to end has to have ended by then. */
const STOP_LIMIT_MS = 10_000;

const headKill: Fault = {
  name: 'head.kill',
  weight: 2,
  mostMs: 4_000,
  async inject(scene) {
    if (!takeHead(scene)) return null;
    await scene.herd.end(scene.herd.head, 'SIGKILL');
    return active(scene, ['head'], () => scene.herd.startHead());
  },
};

const headTerm: Fault = {
  name: 'head.term',
  weight: 1,
  mostMs: 3_000,
  async inject(scene) {
    if (!takeHead(scene)) return null;
    const begun = performance.now();
    const how = await scene.herd.end(scene.herd.head, 'SIGTERM');
    const tookMs = performance.now() - begun;
    scene.checked('eventually_headStops');
    if (tookMs > STOP_LIMIT_MS || how !== 0)
      scene.problem('eventually_headStops', `SIGTERM: ended with ${how} after ${Math.round(tookMs)} ms`);
    return active(scene, ['head'], () => scene.herd.startHead());
  },
};

const headCrashLoop: Fault = {
  name: 'head.crashloop',
  weight: 0.5,
  mostMs: 1_000,
  async inject(scene, random) {
    if (!takeHead(scene)) return null;
    for (let round = 0; round < 4; round++) {
      await scene.herd.end(scene.herd.head, 'SIGKILL');
      // Some starts are cut short, before the head serves.
      const started = scene.herd.startHead().catch(() => undefined);
      await (random.chance(0.5) ? pause(random.int(400)) : started);
    }
    await scene.herd.end(scene.herd.head, 'SIGKILL');
    return active(scene, ['head'], () => scene.herd.startHead());
  },
};

function pausedHead(name: string, weight: number, mostMs: number): Fault {
  return {
    name,
    weight,
    mostMs,
    async inject(scene) {
      if (!takeHead(scene)) return null;
      scene.herd.head.program?.signal('SIGSTOP');
      return active(scene, ['head'], () => scene.herd.head.program?.signal('SIGCONT'));
    },
  };
}

const workerKill: Fault = {
  name: 'worker.kill',
  weight: 3,
  mostMs: 4_000,
  async inject(scene, random) {
    const worker = takeWorker(scene, random);
    if (!worker) return null;
    await scene.herd.end(worker, 'SIGKILL');
    return active(scene, [worker.name], () => scene.herd.startWorker(worker));
  },
};

const workerTerm: Fault = {
  name: 'worker.term',
  weight: 1,
  mostMs: 2_000,
  async inject(scene, random) {
    const worker = takeWorker(scene, random);
    if (!worker) return null;
    await scene.herd.end(worker, 'SIGTERM');
    return active(scene, [worker.name], () => scene.herd.startWorker(worker));
  },
};

function pausedWorker(name: string, weight: number, mostMs: number): Fault {
  return {
    name,
    weight,
    mostMs,
    async inject(scene, random) {
      const worker = takeWorker(scene, random);
      if (!worker) return null;
      worker.program?.signal('SIGSTOP');
      return active(scene, [worker.name], () => worker.program?.signal('SIGCONT'));
    },
  };
}

/** Kill -9 of everything that is Drover's, and start of it all at once. */
const restartAll: Fault = {
  name: 'all.kill',
  weight: 0.7,
  mostMs: 2_000,
  async inject(scene) {
    const { herd, busy } = scene;
    const names = ['head', ...herd.workers.keys()];
    if (names.some((name) => busy.has(name))) return null;
    for (const name of names) busy.add(name);
    await Promise.all([
      herd.end(herd.head, 'SIGKILL'),
      ...[...herd.workers.values()].map((each) => herd.end(each, 'SIGKILL')),
    ]);
    return active(scene, names, async () => {
      for (const worker of herd.workers.values()) herd.startWorker(worker);
      await herd.startHead();
    });
  },
};

/** The supervisor of one instance. What it watched must be reported, and killed; it must not run on for ever. */
const shimKill: Fault = {
  name: 'shim.kill',
  weight: 1,
  mostMs: 0,
  async inject(scene, random) {
    const worker = takeWorker(scene, random);
    if (!worker) return null;
    const shims = shimsOf(worker.disk.folder);
    scene.busy.delete(worker.name);
    if (shims.length === 0) return null;
    const { instance, pid } = random.pick(shims);
    scene.unsupervised.add(instance);
    scene.journal.write('shim killed', { instance, pid });
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
    return OVER;
  },
};

/** Those that live, by what they wrote when they began. */
export function shimsOf(state: string): { instance: string; attempt: number; pid: number }[] {
  const root = join(state, 'instances');
  return readdirSync(root).flatMap((name) => {
    const [, instance = '', attempt = ''] = /^([0-9a-f-]{36})\.(\d+)$/.exec(name) ?? [];
    if (instance === '') return [];
    try {
      const [pid = '', ...words] = readFileSync(join(root, name, 'started'), 'utf8').split(' ');
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').trim().split(' ');
      // The start time is the twenty-second field of both.
      return stat[21] !== undefined && stat[21] === words[20] && stat[2] !== 'Z'
        ? [{ instance, attempt: Number(attempt), pid: Number(pid) }]
        : [];
    } catch {
      return [];
    }
  });
}

/** A second worker on the same folder while the first lives: it has to end by itself, loudly. */
const workerTwin: Fault = {
  name: 'worker.twin',
  weight: 0.7,
  mostMs: 0,
  async inject(scene, random) {
    const worker = takeWorker(scene, random);
    if (!worker) return null;
    const twin = scene.herd.launch(worker.name, worker.args, worker.env);
    const how = await Promise.race([twin.ended, pause(5_000).then(() => null)]);
    scene.checked('anytime_noTwin');
    if (how === null || how === 0)
      scene.problem('anytime_noTwin', `a second ${worker.name} on its folder: ${how}`);
    await twin.end('SIGKILL');
    return active(scene, [worker.name], () => undefined)
      .heal()
      .then(() => OVER);
  },
};

const headTwin: Fault = {
  name: 'head.twin',
  weight: 0.7,
  mostMs: 0,
  async inject(scene) {
    if (!takeHead(scene)) return null;
    const args = scene.herd.headArgs();
    args[args.indexOf('--port') + 1] = '3999';
    const twin = scene.herd.launch('head', args);
    const how = await Promise.race([twin.ended, pause(5_000).then(() => null)]);
    scene.checked('anytime_noTwin');
    if (how === null || how === 0) scene.problem('anytime_noTwin', `a second head on its folder: ${how}`);
    await twin.end('SIGKILL');
    scene.busy.delete('head');
    return OVER;
  },
};

/** Everything of the machine stands still at once, as in a virtual machine that is paused; instances too. */
const machinePause: Fault = {
  name: 'all.pause',
  weight: 0.5,
  mostMs: TIMING.offlineMs + 1_500,
  async inject(scene) {
    const { herd, busy } = scene;
    const names = ['head', ...herd.workers.keys()];
    if (names.some((name) => busy.has(name))) return null;
    for (const name of names) busy.add(name);
    const programs = [herd.head, ...herd.workers.values()].map((each) => each.program);
    const shims = [...herd.workers.values()].flatMap((worker) => shimsOf(worker.disk.folder));
    for (const program of programs) program?.signal('SIGSTOP');
    for (const { pid } of shims) signalGroup(pid, 'SIGSTOP');
    return active(scene, names, () => {
      for (const { pid } of shims) signalGroup(pid, 'SIGCONT');
      for (const program of programs) program?.signal('SIGCONT');
    });
  },
};

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

export const processFaults: readonly Fault[] = [
  headKill,
  headTerm,
  headCrashLoop,
  pausedHead('head.pause.short', 1, TIMING.leaseMs * 0.8),
  pausedHead('head.pause.long', 0.7, TIMING.offlineMs + 2_000),
  workerKill,
  workerTerm,
  pausedWorker('worker.pause.short', 1, TIMING.leaseMs * 0.8),
  pausedWorker('worker.pause.long', 1, TIMING.offlineMs + 2_000),
  restartAll,
  shimKill,
  workerTwin,
  headTwin,
  machinePause,
];
