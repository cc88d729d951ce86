/** Looks at the herd again and again, from outside, and shows what it sees to the checkers. */
import type { Client, InstanceView } from 'drover';
import type { Alive, Checker, ComponentUsage, Sample, Submitted } from './checkers/facts.ts';
import type { ChaosHerd } from './harness/herd.ts';
import type { Journal } from './harness/journal.ts';
import { markedProcesses, usageOf } from './harness/processes.ts';
import { pause } from './harness/shell.ts';

const GAP_MS = 600;
/** Ended ones that are asked for again at each look. */
const LOOK_BACK = 5;
/** Ones that are missing from the list of the living, asked for one by one. */
const MOST_MISSING = 60;
const LIVING = ['PENDING', 'ASSIGNED', 'RUNNING', 'UNKNOWN'] as const;
const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);

/** Violations, by checker; the first few of each are kept with their words. */
export class Verdicts {
  readonly evaluations = new Map<string, number>();
  readonly problems: { checker: string; text: string; atMs: number }[] = [];
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  show<Input>(checker: Checker<Input>, input: Input): void {
    this.checked(checker.name);
    for (const text of checker.check(input)) this.problem(checker.name, text);
  }

  checked(name: string): void {
    this.evaluations.set(name, (this.evaluations.get(name) ?? 0) + 1);
  }

  problem(checker: string, text: string): void {
    // The same words again tell nothing new.
    if (this.problems.some((each) => each.checker === checker && each.text === text)) return;
    this.problems.push({ checker, text, atMs: this.#journal.nowMs() });
    this.#journal.write('VIOLATION', { checker, text });
  }
}

export interface ObserverOptions {
  readonly herd: ChaosHerd;
  readonly journal: Journal;
  readonly verdicts: Verdicts;
  readonly checkers: readonly Checker<Sample>[];
  readonly submitted: ReadonlyMap<string, Submitted>;
  readonly isTolerable: () => boolean;
}

export class Observer {
  readonly #options: ObserverOptions;
  /** The newest view of each instance that was ever seen. */
  readonly views = new Map<string, InstanceView>();
  readonly peaks = new Map<string, ComponentUsage>();
  looks = 0;
  missed = 0;
  #stopped = false;

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  isOpen = (id: string): boolean => !FINAL.has(this.views.get(id)?.status ?? '');

  get finished(): number {
    return [...this.views.values()].filter((view) => FINAL.has(view.status)).length;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.look();
      await pause(GAP_MS);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async look(): Promise<void> {
    const { herd, journal, verdicts, checkers, submitted, isTolerable } = this.#options;
    const alive: Alive[] = markedProcesses().filter((each) => !each.isShim);
    const seen = await this.#ask(herd.client(0)).catch(() => null);
    this.#watchPrograms();
    if (seen === null) this.missed += 1;
    else this.looks += 1;
    const sample: Sample = {
      atMs: journal.nowMs(),
      instances: seen?.instances ?? [],
      listed: seen?.listed ?? [],
      gone: seen?.gone ?? [],
      workers: seen?.workers ?? [],
      alive,
      usage: this.#usage(),
      submitted,
      withinTolerance: seen !== null && isTolerable(),
      finished: this.finished,
      open: [...submitted.keys()].filter(this.isOpen).length,
    };
    for (const checker of checkers) verdicts.show(checker, sample);
  }

  async #ask(client: Client): Promise<Pick<Sample, 'instances' | 'listed' | 'gone' | 'workers'>> {
    const signal = AbortSignal.timeout(3_000);
    const { items: living } = await client.instances.page({ status: LIVING }, { limit: 1_000, signal });
    const workers = await client.workers.list({ signal });
    const ids = new Set(living.map((view) => view.id));
    const { submitted } = this.#options;
    const missing = [...submitted.keys()]
      .filter((id) => !ids.has(id) && this.isOpen(id))
      .slice(0, MOST_MISSING);
    const ended = [...submitted.keys()].filter((id) => !this.isOpen(id));
    const again = Array.from({ length: Math.min(LOOK_BACK, ended.length) }, () => pickAny(ended));
    const others: InstanceView[] = [];
    const gone: string[] = [];
    for (const id of new Set([...missing, ...again])) {
      try {
        others.push(await client.instances.get(id, { signal }));
      } catch (error) {
        if ((error as { code?: string }).code !== 'INSTANCE_NOT_FOUND') throw error;
        gone.push(id);
      }
    }
    const instances = [...living, ...others];
    for (const view of instances) this.views.set(view.id, view);
    return { instances, listed: living, gone, workers };
  }

  /** A program that ended although nobody ended it. */
  #watchPrograms(): void {
    const { herd, verdicts, journal } = this.#options;
    verdicts.checked('anytime_programsLive');
    for (const component of [herd.head, ...herd.workers.values()]) {
      const { program } = component;
      if (!program || program.isAlive || program.isMeantToEnd) continue;
      program.isMeantToEnd = true;
      void program.ended.then((how) => {
        verdicts.problem('anytime_programsLive', `${component.name} ended by itself with ${how}`);
        journal.write('ended by itself', { component: component.name, how });
      });
    }
  }

  #usage(): ComponentUsage[] {
    const { herd } = this.#options;
    return [herd.head, ...herd.workers.values()].flatMap(({ name, program }) => {
      const usage = program?.isAlive ? usageOf(program.pid) : null;
      if (!usage) return [];
      const peak = this.peaks.get(name);
      this.peaks.set(name, {
        component: name,
        rssMiB: Math.max(peak?.rssMiB ?? 0, usage.rssMiB),
        files: Math.max(peak?.files ?? 0, usage.files),
      });
      return [{ component: name, ...usage }];
    });
  }
}

const pickAny = (list: readonly string[]): string => list[Math.floor(Math.random() * list.length)] ?? '';
