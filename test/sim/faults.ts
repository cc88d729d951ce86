/** The faults of a simulated life. Each does its damage and gives the way to mend it; several may be under way at once. */
import { type Fallible, GOOD_NET, SIM_ACTOR, type SimHerd, type SimWorker } from '@drover/testkit';

export type Heal = () => Promise<void>;
type Fault = (herd: SimHerd, worker: SimWorker) => Heal;

const nothing: Heal = async () => undefined;
const mendNet =
  (worker: SimWorker): Heal =>
  async () => {
    worker.net = GOOD_NET;
  };

async function headUp(herd: SimHerd): Promise<void> {
  if (!herd.engine) await herd.startHead();
}

async function workerUp(herd: SimHerd, worker: SimWorker): Promise<void> {
  if (!worker.agent && !worker.isRetired) await herd.startWorker(worker);
}

const FALLIBLE: readonly Fallible[] = [
  'launch',
  'signal',
  'noteStop',
  'isEmpty',
  'isReleased',
  'release',
  'remove',
  'logExtent',
  'readLog',
  'withdraw',
  'remember',
];

export const FAULTS: Readonly<Record<string, Fault>> = {
  killHead: (herd) => {
    herd.killHead();
    return () => headUp(herd);
  },
  killWorker: (herd, worker) => {
    herd.killWorker(worker);
    return () => workerUp(herd, worker);
  },
  killBoth: (herd, worker) => {
    herd.killHead();
    herd.killWorker(worker);
    return async () => {
      await workerUp(herd, worker);
      await headUp(herd);
    };
  },
  killAll: (herd) => {
    herd.killHead();
    for (const worker of herd.workers) herd.killWorker(worker);
    return async () => {
      await headUp(herd);
      for (const worker of herd.workers) await workerUp(herd, worker);
    };
  },
  rebootMachine: (herd, worker) => {
    herd.rebootMachine(worker);
    return () => workerUp(herd, worker);
  },
  cut: (herd, worker) => {
    herd.setCut(worker, true);
    return async () => herd.setCut(worker, false);
  },
  blackHole: (_, worker) => {
    worker.net = { ...GOOD_NET, toHeadBlocked: true, toWorkerBlocked: true };
    return mendNet(worker);
  },
  onlyToHead: (_, worker) => {
    worker.net = { ...GOOD_NET, toWorkerBlocked: true };
    return mendNet(worker);
  },
  onlyToWorker: (_, worker) => {
    worker.net = { ...GOOD_NET, toHeadBlocked: true };
    return mendNet(worker);
  },
  badNet: ({ random }, worker) => {
    const loss = random.pick([0, 0.05, 0.3]);
    worker.net = { ...GOOD_NET, loss, duplicate: 0.2, reorder: 0.2, delayMs: [10, 500] };
    return mendNet(worker);
  },
  slowNet: (herd) => {
    for (const worker of herd.workers) worker.net = { ...GOOD_NET, delayMs: [200, 700] };
    return async () => {
      for (const worker of herd.workers) worker.net = GOOD_NET;
    };
  },
  flap: (herd, worker) => {
    for (let i = 0; i < 6; i++) herd.clock.after(i * 300, () => worker.link?.break());
    return nothing;
  },
  freezeHead: (herd) => {
    const { resume } = herd.freezeHead();
    return async () => resume();
  },
  freezeWorker: (herd, worker) => {
    const { resume } = herd.freezeWorker(worker);
    return async () => resume();
  },
  clockOfHead: (herd) => {
    herd.skewHead(herd.random.pick([-3_600_000, 3_600_000]));
    return nothing;
  },
  clockOfWorker: ({ random }, worker) => {
    worker.life.skewMs += random.pick([-3_600_000, -4_000, 4_000, 3_600_000]);
    return nothing;
  },
  /** Away for so long that a person deletes it; it may be back with what it had. */
  deleteWorker: (herd, worker) => {
    herd.setCut(worker, true);
    const { clock } = herd;
    const attempt = (): void => {
      const row = herd.engine?.state.tables.workers.get(worker.id);
      if (!worker.isRetired && row?.status === 'OFFLINE' && herd.engine?.state.stalled === null)
        herd.engine.workers.delete(SIM_ACTOR, worker.id);
    };
    clock.after(5_000 + herd.random.int(2_000), attempt);
    return async () => herd.setCut(worker, false);
  },
  storeFails: ({ random, store }) => {
    store.failNext(random.pick(['full', 'busy'] as const), 1 + random.int(6));
    return async () => undefined;
  },
  diskOfWorker: ({ random }, worker) => {
    worker.disk.failNext(random.pick(FALLIBLE), 1 + random.int(4));
    return nothing;
  },
};

/** Everything is mended: what was ordered and has not come, too. */
export async function healAll(herd: SimHerd, heals: readonly Heal[]): Promise<void> {
  for (const heal of heals) await heal();
  herd.store.healNow();
  for (const worker of herd.workers) {
    if (worker.isRetired) continue;
    worker.net = GOOD_NET;
    for (const method of FALLIBLE) worker.disk.failNext(method, 0);
    await workerUp(herd, worker);
  }
  await headUp(herd);
  // Whoever was deleted places nothing any more.
  if (herd.workers.some(({ id }) => herd.engine?.state.tables.workers.get(id))) return;
  await herd.clock.until(() => herd.engine?.state.stalled === null, herd.clock.nowMs + 60_000);
  await herd.addWorker(4);
}
