/** What people do in a simulated life: submit, cancel, delete, decide about what is lost. Keeps what was promised to them. */
import { isDroverError, isFinal, type WorkerLostPolicy } from '@drover/core';
import { instanceSubmit } from '@drover/core/wire';
import { type Script, SIM_ACTOR, type SimHerd } from '@drover/testkit';

export interface Accepted {
  readonly id: string;
  readonly script: Script;
  readonly onWorkerLost: WorkerLostPolicy;
}

export class Workload {
  readonly #herd: SimHerd;
  /** Acknowledged, and not deleted: none of these may be lost. */
  readonly accepted = new Map<string, Accepted>();
  readonly cancelled = new Set<string>();
  readonly deleted = new Set<string>();
  readonly forgotten = new Set<string>();
  readonly replaced = new Set<string>();
  /** Of all that was ever submitted, acknowledged or not. */
  readonly policies = new Map<string, WorkerLostPolicy>();
  submitted = 0;

  constructor(herd: SimHerd) {
    this.#herd = herd;
  }

  submit(policies: readonly WorkerLostPolicy[]): void {
    const { engine, random } = this.#herd;
    if (!engine) return;
    const script: Script = {
      runMs: random.int(random.pick([300, 3_000, 12_000])),
      code: random.pick([0, 0, 0, 1, 7]),
      ignoresTerm: random.chance(0.2),
      failsToStart: random.chance(0.05),
    };
    const onWorkerLost = random.pick(policies);
    const targets = [...engine.state.tables.workers.all()].filter(({ status }) => status === 'ONLINE');
    const target = onWorkerLost !== 'replace' && random.chance(0.15) ? targets[0]?.id : undefined;
    this.submitted += 1;
    const input = instanceSubmit.parse({
      command: JSON.stringify(script),
      resources: { cpu: random.pick([1, 1, 2, 4]) },
      priority: random.int(2),
      graceMs: random.int(2_000),
      onWorkerLost,
      ...(target && { targetWorker: target }),
      ...(onWorkerLost !== 'wait' && { lostAfterMs: 1_000 + random.int(8_000) }),
    });
    const row = refusable(() => engine.instances.submit(SIM_ACTOR, input));
    if (!row) return;
    this.policies.set(row.id, onWorkerLost);
    // Only what was acknowledged has to survive.
    engine.state.durable(row.rev).then(
      () => this.accepted.set(row.id, { id: row.id, script, onWorkerLost }),
      () => undefined,
    );
  }

  cancel(): void {
    const { engine } = this.#herd;
    const id = this.#one();
    const row = id === null ? undefined : engine?.state.tables.instances.get(id);
    if (!engine || !row || isFinal(row.status)) return;
    if (refusable(() => engine.instances.cancel(SIM_ACTOR, row.id))) this.cancelled.add(row.id);
  }

  remove(): void {
    const { engine } = this.#herd;
    const id = this.#one();
    if (!engine || id === null || !engine.state.tables.instances.get(id)) return;
    // From here on it may be there or gone: an unacknowledged deletion can be lost with the head.
    if (refusable(() => [engine.instances.delete(SIM_ACTOR, id)])) {
      this.accepted.delete(id);
      this.deleted.add(id);
    }
  }

  /** A person decides about one that is UNKNOWN. */
  decide(): void {
    const { engine, random } = this.#herd;
    if (!engine) return;
    const unknown = [...engine.state.tables.instances.all()].filter((row) => row.status === 'UNKNOWN');
    if (unknown.length === 0) return;
    const row = random.pick(unknown);
    if (row.cancel || random.chance(0.5)) {
      if (refusable(() => engine.instances.forget(SIM_ACTOR, row.id))) this.forgotten.add(row.id);
    } else if (refusable(() => engine.instances.replace(SIM_ACTOR, row.id))) this.replaced.add(row.id);
  }

  #one(): string | null {
    const ids = [...this.accepted.keys()];
    return ids.length === 0 ? null : this.#herd.random.pick(ids);
  }
}

/** A store that refuses may refuse a call too: null then. Anything else is a defect. */
function refusable<T>(call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (isDroverError(error) && error.code === 'STORE_FULL') return null;
    throw error;
  }
}
