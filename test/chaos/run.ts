/** One chaos run: a workload, the planned faults, full heals between, and the checkers over all of it. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from '@drover/testkit/seeded-random';
import type { InstanceView } from 'drover';
import { anytimeCheckers, finalCheckers } from './checkers/all.ts';
import {
  eventually_allEnd,
  eventually_recoveredWithin,
  eventually_workersOnline,
} from './checkers/eventually.ts';
import type { Ending, Recovery } from './checkers/facts.ts';
import { FaultDriver } from './fault-driver.ts';
import type { Scene } from './faults/fault.ts';
import { planFaults } from './faults/plan.ts';
import { FAULTS } from './faults/table.ts';
import { ChaosHerd, type LinkKind } from './harness/herd.ts';
import { Journal } from './harness/journal.ts';
import { pause } from './harness/shell.ts';
import { readWitness } from './harness/witness.ts';
import { findLeftovers } from './leftovers.ts';
import { Observer, Verdicts } from './observer.ts';
import { chosen, type RunOptions } from './options.ts';
import type { Summary } from './summary.ts';
import { commandOf, Submitter } from './workload/submitter.ts';

/** Between two full heals. */
const HEAL_EVERY_MS = 30_000;
const RECOVERY_LIMIT_MS = 30_000;
const ALL_END_MS = 90_000;
const KINDS: readonly LinkKind[] = ['veth', 'relay', 'proxy'];
const GAP_MS = 350;

export async function runChaos(options: RunOptions, folder: string, bundle: string): Promise<Summary> {
  mkdirSync(folder, { recursive: true });
  const journal = new Journal(join(folder, 'journal.jsonl'), options.verbose);
  const verdicts = new Verdicts(journal);
  const witness = join(folder, 'witness');
  journal.write('begin', { seed: options.seed, minutes: options.minutes, workers: options.workers });
  const chance = new SeededRandom(options.seed + 1);
  const herd = await ChaosHerd.open({
    folder: join(folder, 'herd'),
    bundle,
    run: String(process.ppid),
    random: () => chance.float(),
  });
  await herd.startHead();
  for (let i = 0; i < options.workers; i++)
    await herd.addWorker(`w${i + 1}`, KINDS[i % KINDS.length] ?? 'veth', ['--cpus', '6', '--memory', '4GiB']);

  const submitter: Submitter = new Submitter(
    { client: herd.client(), journal, random: new SeededRandom(options.seed + 2), witness, gapMs: GAP_MS },
    (id): boolean => observer.isOpen(id),
  );
  const scene: Scene = {
    herd,
    journal,
    busy: new Set(),
    unsupervised: new Set(),
    fullDisks: new Set(),
    problem: (checker, text) => verdicts.problem(checker, text),
    checked: (checker) => verdicts.checked(checker),
    running: (name) =>
      [...observer.views.values()]
        .filter((view) => view.status === 'RUNNING' && view.workerId === herd.worker(name).id)
        .map((view) => view.id),
    workloadCommand: (nonce, lines) =>
      commandOf(witness, nonce, { kind: 'plain', tenths: 1, code: 0, lines }),
  };
  const driver = new FaultDriver(scene);
  const observer: Observer = new Observer({
    herd,
    journal,
    verdicts,
    checkers: anytimeCheckers(),
    submitted: submitter.submitted,
    isTolerable: () => driver.isTolerable(),
  });
  const recoveries: Recovery[] = [];
  const recover = async (): Promise<void> => {
    await driver.healAll();
    const recovery = await watchRecovery(herd, submitter, journal);
    recoveries.push(recovery);
    for (const checker of [eventually_workersOnline(), eventually_recoveredWithin()])
      verdicts.show(checker, recovery);
  };

  await submitter.learn();
  const observing = observer.run();
  const submitting = submitter.run();
  const lengthMs = options.minutes * 60_000;
  const faults = FAULTS.filter((fault) => chosen(fault, options.only));
  const plan = planFaults(faults, options.seed, lengthMs, options.rate);
  const begunMs = journal.nowMs();
  let nextHealMs = HEAL_EVERY_MS;
  for (const planned of [...plan, null]) {
    const atMs = planned?.atMs ?? lengthMs;
    while (journal.nowMs() - begunMs < atMs) {
      if (journal.nowMs() - begunMs >= nextHealMs) {
        nextHealMs += HEAL_EVERY_MS;
        await recover();
      } else await pause(50);
    }
    if (planned !== null) driver.start(planned);
  }
  await submitter.stop();
  await recover();

  journal.write('the last faults are over; all has to end');
  const open = await untilAllEnded(herd);
  verdicts.show(eventually_allEnd(), open);
  observer.stop();
  await observing;
  await submitting;
  await observer.look();
  const ending = await gather(herd, submitter, scene, witness);
  for (const checker of finalCheckers()) verdicts.show(checker, ending);
  if (verdicts.problems.length > 0) keepState(herd, folder, ending);
  await herd.close();
  journal.write('end', { problems: verdicts.problems.length });
  return {
    options,
    plan,
    driver,
    submitter,
    observer,
    verdicts,
    recoveries,
    ending,
    folder,
    missing: herd.missing,
  };
}

async function watchRecovery(herd: ChaosHerd, submitter: Submitter, journal: Journal): Promise<Recovery> {
  const healedAtMs = journal.nowMs();
  const begun = performance.now();
  const since = (): number => Math.round(performance.now() - begun);
  const limit = { limitMs: RECOVERY_LIMIT_MS, healedAtMs };
  let workersOnlineAfterMs: number | null = null;
  let probeDoneAfterMs: number | null = null;
  const probe = (async () => {
    const client = herd.client(RECOVERY_LIMIT_MS);
    const id = await submitter.probe();
    await client.instances.wait(id, { timeoutMs: RECOVERY_LIMIT_MS });
    probeDoneAfterMs = since();
  })().catch((error: unknown) => journal.write('the probe did not end', { error: String(error) }));
  while (since() < RECOVERY_LIMIT_MS && workersOnlineAfterMs === null) {
    const workers = await herd
      .client(0)
      .workers.list()
      .catch(() => []);
    const online = workers.filter((worker) => worker.status === 'ONLINE').length;
    if (online === herd.workers.size) workersOnlineAfterMs = since();
    else await pause(50);
  }
  await probe;
  journal.write('recovered', { workersOnlineAfterMs, probeDoneAfterMs });
  return { ...limit, workersOnlineAfterMs, probeDoneAfterMs };
}

/** @returns what has not ended when the time is over */
async function untilAllEnded(herd: ChaosHerd): Promise<InstanceView[]> {
  const client = herd.client();
  const deadline = performance.now() + ALL_END_MS;
  for (;;) {
    const open: InstanceView[] = [];
    for await (const view of client.instances.list({ status: ['PENDING', 'ASSIGNED', 'RUNNING', 'UNKNOWN'] }))
      open.push(view);
    if (open.length === 0 || performance.now() > deadline) return open;
    await pause(200);
  }
}

async function gather(herd: ChaosHerd, submitter: Submitter, scene: Scene, witness: string): Promise<Ending> {
  const client = herd.client();
  const views = new Map<string, InstanceView>();
  for await (const view of client.instances.list()) views.set(view.id, view);
  const logs = new Map<string, string>();
  for (const { id } of submitter.submitted.values()) {
    // What is gone is told by a checker.
    const text = await client.instances.logText(id).catch((error: { code?: string }) => {
      if (error.code === 'LOG_NOT_FOUND' || error.code === 'INSTANCE_NOT_FOUND') return '';
      throw error;
    });
    logs.set(id, text);
  }
  return {
    submitted: submitter.submitted,
    views,
    witness: readWitness(witness),
    logs,
    unsupervised: scene.unsupervised,
    onFullDisk: ranOn(herd, views, scene.fullDisks),
    leftovers: await findLeftovers(herd),
  };
}

/** By the worker alone: which of its instances ran just then is known only to within a moment. */
function ranOn(
  herd: ChaosHerd,
  views: ReadonlyMap<string, InstanceView>,
  workers: ReadonlySet<string>,
): Set<string> {
  const ids = new Set([...workers].map((name) => herd.worker(name).id));
  return new Set([...views.values()].filter((view) => ids.has(view.workerId ?? '')).map((view) => view.id));
}

/** A copy of the head's database beside the journal: the state folder lies in memory and goes with the run. */
function keepState(herd: ChaosHerd, folder: string, { views, logs }: Ending): void {
  writeFileSync(join(folder, 'views.json'), JSON.stringify([...views.values()], null, 1));
  writeFileSync(join(folder, 'logs.json'), JSON.stringify(Object.fromEntries(logs), null, 1));
  const kept = join(folder, 'database');
  mkdirSync(kept, { recursive: true });
  for (const name of readdirSync(herd.head.disk.folder))
    if (/\.(db|sqlite)/.test(name) && existsSync(join(herd.head.disk.folder, name)))
      copyFileSync(join(herd.head.disk.folder, name), join(kept, name));
}
