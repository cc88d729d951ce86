/** What a fault is, and the scene on which it happens. */
import type { SeededRandom } from '@drover/testkit/seeded-random';
import type { ChaosHerd, WorkerComponent } from '../harness/herd.ts';
import type { Journal } from '../harness/journal.ts';

/** What faults may use and must tell. */
export interface Scene {
  readonly herd: ChaosHerd;
  readonly journal: Journal;
  /** Names of components that are under a fault: one at a time each. */
  readonly busy: Set<string>;
  /** Instances whose supervisor was killed: their end may be unknown. */
  readonly unsupervised: Set<string>;
  /** Workers whose disk was full at some time: output of what ran there may have gaps. */
  readonly fullDisks: Set<string>;
  /** A fault that sees wrong behaviour itself says so here. */
  problem(checker: string, text: string): void;
  /** Counts an evaluation of a checker that a fault carries out itself. */
  checked(checker: string): void;
  /** Ids of instances that run now, by worker name. */
  running(worker: string): string[];
  readonly workloadCommand: (nonce: string, lines: number) => string[];
}

/** A fault that is on. */
export interface Active {
  /** Names of the components that it hits. */
  readonly hits: readonly string[];
  heal(): Promise<void>;
}

export interface Fault {
  readonly name: string;
  /** Expected occurrences in two minutes. */
  readonly weight: number;
  /** It is taken back after so long at most, in milliseconds. 0: it is over by itself when `inject` returns. */
  readonly mostMs: number;
  /** @returns null when there is nothing to hit now */
  inject(scene: Scene, random: SeededRandom): Promise<Active | null>;
}

export const OVER: Active = { hits: [], heal: async () => undefined };

/** A worker that is up, healthy and under no fault, marked busy by this call; null when there is none. */
export function takeWorker(
  scene: Scene,
  random: SeededRandom,
  suits: (worker: WorkerComponent) => boolean = () => true,
): WorkerComponent | null {
  const free = [...scene.herd.workers.values()].filter(
    (worker) => !scene.busy.has(worker.name) && worker.program?.isAlive && suits(worker),
  );
  if (free.length === 0) return null;
  const worker = random.pick(free);
  scene.busy.add(worker.name);
  return worker;
}

/** True when the head was free; it is busy from now on. */
export function takeHead(scene: Scene): boolean {
  if (scene.busy.has('head') || !scene.herd.head.program?.isAlive) return false;
  scene.busy.add('head');
  return true;
}

/** The components are free for other faults again when it is healed. */
export function active(scene: Scene, hits: readonly string[], heal: () => Promise<void> | void): Active {
  return {
    hits,
    async heal() {
      try {
        await heal();
      } finally {
        for (const name of hits) scene.busy.delete(name);
      }
    },
  };
}
