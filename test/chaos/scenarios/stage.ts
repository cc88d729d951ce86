/** One herd for the scenarios of a file, with short ways to do what many of them do. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from '@drover/testkit/seeded-random';
import type { Client, InstanceSubmitInput, InstanceView, WorkerStatus } from 'drover';
import { afterAll, expect } from 'vitest';
import type { WitnessLine } from '../checkers/facts.ts';
import { ChaosHerd, type LinkKind, TIMING, type Timing, type WorkerComponent } from '../harness/herd.ts';
import { readProcess } from '../harness/processes.ts';
import { bundleFolder, runFolder } from '../harness/sdk.ts';
import { pause, until } from '../harness/shell.ts';
import { readWitness } from '../harness/witness.ts';
import { findLeftovers } from '../leftovers.ts';
import { commandOf } from '../workload/submitter.ts';

/** Files of scenarios run side by side, each with a network of its own. */
const INDEX = Number(process.env['VITEST_POOL_ID'] ?? 0);
const GONE_MS = 30_000;

export interface StageOptions {
  readonly workers: Readonly<Record<string, LinkKind>>;
  readonly timing?: Timing;
  readonly flags?: readonly string[];
}

export class Stage {
  readonly herd: ChaosHerd;
  readonly folder: string;
  readonly witnessFile: string;
  readonly random = new SeededRandom(11);
  #client: Client;

  private constructor(herd: ChaosHerd, folder: string) {
    this.herd = herd;
    this.folder = folder;
    this.witnessFile = join(folder, 'witness');
    this.#client = herd.client();
  }

  /** Also registers the end: nothing may be left when the file is through. */
  static async open({
    workers,
    timing,
    flags = ['--cpus', '64', '--memory', '16GiB'],
  }: StageOptions): Promise<Stage> {
    mkdirSync(runFolder(), { recursive: true });
    const folder = mkdtempSync(join(runFolder(), 'scenario-'));
    const random = new SeededRandom(INDEX + 3);
    const herd = await ChaosHerd.open({
      folder: join(folder, 'herd'),
      bundle: bundleFolder(),
      run: String(process.ppid),
      index: INDEX,
      random: () => random.float(),
      ...(timing && { timing }),
    });
    await herd.startHead();
    const stage = new Stage(herd, folder);
    for (const [name, kind] of Object.entries(workers)) await herd.addWorker(name, kind, flags);
    return stage;
  }

  /** For `afterAll`. */
  async close(): Promise<void> {
    await this.herd.heal();
    await this.online();
    await this.client.instances.deleteAll();
    await until(
      'all instances have gone',
      async () => (await this.client.instances.page({}, { limit: 1 })).items.length === 0,
      GONE_MS,
    );
    const left = await findLeftovers(this.herd);
    await this.herd.close();
    expect(left).toEqual({ processes: [], cgroups: [], folders: [], ports: [] });
  }

  get client(): Client {
    return this.#client;
  }

  worker(name: string): WorkerComponent {
    return this.herd.worker(name);
  }

  /** Submits a shell line, or a command of the workload. */
  async submit(
    command: string | string[],
    on?: string,
    more: Partial<InstanceSubmitInput> = {},
  ): Promise<InstanceView> {
    const targetWorker = on === undefined ? null : this.worker(on).id;
    const resources = { cpu: 0.1, memoryMiB: 64 };
    return await this.client.instances.submit({ command, resources, targetWorker, graceMs: 2_000, ...more });
  }

  /** One that writes a numbered line every tenth of a second, `lines` of them. */
  counting(lines: number, nonce = `c-${this.random.uuid()}`): string[] {
    return commandOf(this.witnessFile, nonce, { kind: 'plain', tenths: lines, code: 0, lines });
  }

  async running(id: string): Promise<InstanceView & { pid: number }> {
    const view = await this.client.instances.waitRunning(id, { timeoutMs: 20_000 });
    return { ...view, pid: view.pid ?? 0 };
  }

  async ended(id: string, timeoutMs = 40_000): Promise<InstanceView> {
    return await this.client.instances.wait(id, { timeoutMs });
  }

  async status(name: string): Promise<WorkerStatus> {
    return (await this.client.workers.get(this.worker(name).id)).status;
  }

  async reaches(name: string, status: WorkerStatus, limitMs = 20_000): Promise<void> {
    await until(`${name} is ${status}`, async () => (await this.status(name)) === status, limitMs);
  }

  async online(limitMs = 30_000): Promise<void> {
    for (const name of this.herd.workers.keys()) await this.reaches(name, 'ONLINE', limitMs);
  }

  /** Every status that the workers have until `over`, in order, without repetitions. */
  async statuses(over: Promise<unknown>): Promise<Map<string, WorkerStatus[]>> {
    const seen = new Map<string, WorkerStatus[]>();
    let isOver = false;
    const end = over.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      for (const { name, status } of await this.herd
        .client(0)
        .workers.list()
        .catch(() => [])) {
        const list = seen.get(name ?? '') ?? [];
        if (list.at(-1) !== status) seen.set(name ?? '', [...list, status]);
      }
      await pause(50);
    }
    await end;
    return seen;
  }

  witness(id: string): WitnessLine[] {
    return readWitness(this.witnessFile).filter((line) => line.instance === id);
  }

  /** The log of a counting command is whole: every line, once, in order. */
  async expectWholeLog(id: string, lines: number): Promise<void> {
    const text = await this.client.instances.logText(id);
    const numbers = text.split('\n').flatMap((line) => /^line (\d+) of/.exec(line)?.[1] ?? []);
    expect(numbers.map(Number)).toEqual(Array.from({ length: lines }, (_, at) => at + 1));
  }
}

/** A process by pid and start time, to see later whether it is still the same. */
export function identify(pid: number): string {
  const found = readProcess(pid);
  if (!found) throw new Error(`no process ${pid}`);
  return `${pid} ${found.startTicks}`;
}

/** Closes the stage when the file is through. `get` because it is opened in `beforeAll`. */
export function closeAtEnd(get: () => Stage): void {
  afterAll(() => get().close());
}

export const OFFLINE_MS = TIMING.offlineMs;
