/** Puts planned faults on, takes them back in time, and knows which are on. */
import { SeededRandom } from '@drover/testkit/seeded-random';
import type { Active, Scene } from './faults/fault.ts';
import type { Planned } from './faults/plan.ts';

interface On {
  readonly name: string;
  readonly active: Active;
  readonly timer: NodeJS.Timeout;
}

export class FaultDriver {
  readonly injected = new Map<string, number>();
  readonly skipped = new Map<string, number>();
  readonly #scene: Scene;
  readonly #on = new Set<On>();
  readonly #beginning = new Set<Promise<void>>();
  /** Healings under way: what they heal is still under its fault. */
  readonly #healing = new Set<Promise<void>>();
  #isHealingAll = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  start(planned: Planned): void {
    const { name } = planned.fault;
    if (this.#isHealingAll) {
      count(this.skipped, name);
      return;
    }
    const begun = this.#begin(planned).catch((error: unknown) => {
      this.#scene.problem('harness', `${name}: ${String(error)}`);
    });
    this.#beginning.add(begun);
    void begun.finally(() => this.#beginning.delete(begun));
  }

  async #begin({ fault, seed, healAfterMs }: Planned): Promise<void> {
    const { journal } = this.#scene;
    const active = await fault.inject(this.#scene, new SeededRandom(seed));
    if (active === null) {
      count(this.skipped, fault.name);
      return;
    }
    count(this.injected, fault.name);
    journal.write('fault', { fault: fault.name, hits: active.hits, healAfterMs });
    const on: On = { name: fault.name, active, timer: setTimeout(() => this.#heal(on), healAfterMs) };
    this.#on.add(on);
  }

  #heal(on: On): void {
    clearTimeout(on.timer);
    const healed = on.active
      .heal()
      .then(() => this.#scene.journal.write('healed', { fault: on.name, hits: on.active.hits }))
      .catch((error: unknown) => this.#scene.problem('harness', `heal ${on.name}: ${String(error)}`))
      .finally(() => {
        this.#on.delete(on);
        this.#healing.delete(healed);
      });
    this.#healing.add(healed);
  }

  /** Every fault taken back, all programs up. */
  async healAll(): Promise<void> {
    this.#isHealingAll = true;
    this.#scene.journal.write('full heal');
    await Promise.all(this.#beginning);
    for (const on of [...this.#on]) this.#heal(on);
    await Promise.all(this.#healing);
    await this.#scene.herd.heal();
    this.#scene.busy.clear();
    this.#isHealingAll = false;
  }

  /** The head serves undisturbed, and at least one worker does. */
  isTolerable(): boolean {
    const { busy, herd } = this.#scene;
    return !busy.has('head') && [...herd.workers.keys()].some((name) => !busy.has(name));
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
