/**
 * One simulated life of clusters: people launch, run, stop, start and tear down at random while heads, workers and nets
 * fail; then all is mended, and every request, job and cluster must come to rest, with nothing left over.
 */
import { isDroverError } from '@drover/core';
import { execBody, launchBody } from '@drover/core/wire';
import { SIM_ACTOR, SimHerd } from '@drover/testkit';
import { brokenNow, type ClusterBooks, leftAfterDown, unsettled } from './cluster-invariants.ts';
import { FAULTS, type Heal, healAll } from './faults.ts';
import type { SeedResult } from './run-seed.ts';

const STEPS = 12;
const CALM_MS = 240_000;
const NAMES = ['c0', 'c1', 'c2'];
const KINDS = [
  'killHead',
  'killHead',
  'killWorker',
  'killBoth',
  'rebootMachine',
  'cut',
  'flap',
  'slowNet',
  'storeFails',
  'deleteWorker',
];

/** @param onTrace hears what happens, line by line; it changes nothing */
export async function runClusterSeed(
  seed: number,
  onTrace: ((line: string) => void) | null = null,
): Promise<SeedResult> {
  const herd = new SimHerd(seed);
  herd.onTrace = onTrace;
  const { clock, random } = herd;
  const books: ClusterBooks = { accepted: new Set(), ranks: new Map(), counted: new Map() };
  const faults: string[] = [];
  let submitted = 0;
  let problem: string | null = null;
  const check = (): boolean => {
    problem ??= herd.errors[0] ?? brokenNow(herd, books);
    return problem !== null;
  };
  const run = async (ms: number): Promise<void> => {
    await clock.until(check, clock.nowMs + ms);
  };
  const result = (): SeedResult => ({ seed, events: clock.events, submitted, problem, faults });
  const act = async (): Promise<void> => {
    submitted += 1;
    await doSomething(herd, books).catch((error: unknown) => {
      if (!isDroverError(error)) problem ??= `not a typed error: ${String(error)}`;
    });
  };

  await herd.startHead();
  for (let at = 0; at < 4; at += 1) await herd.addWorker(2, 2);
  let heals: Heal[] = [];
  for (let step = 0; step < STEPS && problem === null; step += 1) {
    for (let at = random.int(4); at >= 0; at -= 1) {
      await act();
      await run(random.int(random.pick([1, 50, 500, 4_000])));
    }
    if (random.chance(0.6)) {
      const name = random.pick(KINDS);
      faults.push(name);
      const worker = random.pick(herd.workers);
      herd.trace('fault', () => `${name} (${worker.id.slice(0, 4)})`);
      const heal = FAULTS[name]?.(herd, worker);
      if (heal) heals.push(heal);
      await run(random.int(random.pick([500, 9_000])));
    }
    while (heals.length > 0 && problem === null && random.chance(0.7)) {
      herd.trace('fault', () => 'one is mended');
      await heals.splice(random.int(heals.length), 1)[0]?.();
      await run(random.int(500));
    }
  }
  if (problem !== null) return result();
  await healAll(herd, heals);
  herd.trace('fault', () => 'all is mended');
  heals = [];
  await clock.until(() => check() || unsettled(herd, books) === null, clock.nowMs + CALM_MS);
  problem ??= unsettled(herd, books);
  if (problem !== null) return result();
  await clock.until(() => check() || herd.engine?.state.stalled === null, clock.nowMs + CALM_MS);
  for (const name of NAMES)
    if (herd.engine?.work.clusters.find(SIM_ACTOR, name))
      herd.engine.work.clusters.down(SIM_ACTOR, name, { purge: false });
  await clock.until(() => check() || leftAfterDown(herd) === null, clock.nowMs + CALM_MS);
  problem ??= leftAfterDown(herd);
  return result();
}

/** One call of somebody. What is acknowledged goes into the books. @throws {DroverError} */
async function doSomething(herd: SimHerd, { accepted }: ClusterBooks): Promise<void> {
  const { engine, random } = herd;
  if (!engine) return;
  const { clusters, jobs, requestCancel } = engine.work;
  const name = random.pick(NAMES);
  const keep = ({ id, rev }: { id: string; rev: number }): void => {
    engine.state.durable(rev).then(
      () => accepted.add(id),
      () => undefined,
    );
  };
  const task = () => ({
    numNodes: random.pick([1, 1, 2, 3]),
    run: random.chance(0.1) ? null : script(herd),
    resources: random.pick([null, null, gpus(1), gpus(2)]),
  });
  const autostop = () => ({
    idleMinutes: random.pick([0, 0.05, 0.5]),
    down: random.chance(0.5),
    waitFor: random.pick(['jobs', 'jobs', 'none'] as const),
  });
  const verbs: readonly (() => unknown)[] = [
    () =>
      keep(
        clusters.launch(
          SIM_ACTOR,
          launchBody.parse({
            cluster: name,
            task: { ...task(), setup: random.chance(0.5) ? script(herd) : null },
            retryUntilUp: random.chance(0.3),
            down: random.chance(0.1),
            noSetup: random.chance(0.2),
            fast: random.chance(0.2),
            ...(random.chance(0.2) && { autostop: autostop() }),
          }),
        ),
      ),
    () => keep(clusters.exec(SIM_ACTOR, name, execBody.parse({ task: task() }))),
    () => keep(clusters.stop(SIM_ACTOR, name, { purge: random.chance(0.2) })),
    () => {
      const retryUntilUp = random.chance(0.3);
      keep(clusters.start(SIM_ACTOR, name, { autostop: null, retryUntilUp, force: random.chance(0.2) }));
    },
    () => keep(clusters.down(SIM_ACTOR, name, { purge: random.chance(0.2) })),
    () => clusters.autostop(SIM_ACTOR, name, random.chance(0.3) ? null : autostop()),
    () => {
      const which = { numbers: null, all: random.chance(0.3), allUsers: false };
      jobs.cancel(SIM_ACTOR, clusters.get(SIM_ACTOR, name), which);
    },
    () => {
      const open = [...engine.state.tables.requests.all()].filter((row) => row.endedMs === null);
      if (open.length === 0) return;
      const { id } = random.pick(open);
      // It waits for the store; whoever asked may be told that the head is gone.
      requestCancel.cancel(SIM_ACTOR, { refs: [id], all: false, allUsers: false }).catch(() => undefined);
    },
  ];
  const at = random.pick([0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 3, 4, 5, 6, 7]);
  herd.trace('person', () => `${at} ${name}`);
  verbs[at]?.();
}

const gpus = (count: number) => ({ choices: [{ accelerators: { name: 'H100', count } }] });

const script = ({ random }: SimHerd): string =>
  JSON.stringify({
    runMs: random.int(random.pick([100, 2_000, 10_000])),
    code: random.pick([0, 0, 0, 0, 3]),
    ignoresTerm: random.chance(0.1),
    failsToStart: random.chance(0.03),
  });
