/** A fake cloud on virtual time: its machines are workers of a simulated herd, and survive the head. */
import {
  FakeCloud,
  type FakeHost,
  type FakeInfra,
  type FakeMachineRecord,
  fakeFaults,
  parseFakeConfig,
} from '@drover/head/fake-infra';
import type { SimHerd, SimWorker } from './sim-herd.ts';

/** What goes wrong; what is not named goes well. */
export type SimFaults = Partial<FakeInfra['faults']>;

export class SimCloud {
  readonly provider: FakeCloud;
  /** The machines that exist, by tag: what the provider would bill. */
  get machines(): ReadonlyMap<string, FakeMachineRecord> {
    return new Map(this.#records.map((record) => [record.tag, record]));
  }
  /** Workers that were started for machines, copies too. */
  readonly workers = new Map<string, SimWorker>();
  /** What became of copies of a worker: `joined`, or the code of the refusal. */
  readonly copies: string[] = [];
  readonly calls: string[] = [];
  readonly #herd: SimHerd;
  #config: FakeInfra;
  #records: readonly FakeMachineRecord[] = [];

  /** @param text the configuration of one infra, YAML */
  constructor(herd: SimHerd, name: string, text: string) {
    this.#herd = herd;
    const indented = text.replaceAll(/^/gm, '  ');
    const config = parseFakeConfig(`${name}:\n${indented}`, 'the test').get(name);
    if (!config) throw new Error('no configuration');
    this.#config = config;
    const world = herd.clock.view({ dead: false, skewMs: 0 });
    this.provider = new FakeCloud({
      infra: `fake/${name}`,
      config: () => this.#config,
      clock: world,
      host: this.#host(),
      desk: {
        load: () => this.#records,
        save: (records) => {
          this.#records = records;
        },
      },
    });
    for (const call of ['create', 'stop', 'start', 'terminate', 'list'] as const) this.#count(call);
  }

  /** From now on these go wrong, and no others. */
  set faults(faults: SimFaults) {
    this.#config = { ...this.#config, faults: { ...fakeFaults.parse({}), ...faults } };
  }

  /** As if somebody had removed it by hand. */
  lose(tag: string): void {
    void this.#host().erase(tag);
    this.provider.forgetMachine(tag);
  }

  #count(call: 'create' | 'stop' | 'start' | 'terminate' | 'list'): void {
    const provider = this.provider as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const original = provider[call];
    provider[call] = (...args) => {
      this.calls.push(call);
      return original?.apply(this.provider, args) ?? Promise.resolve();
    };
  }

  #host(): FakeHost {
    const herd = this.#herd;
    const join = (machine: FakeMachineRecord, cpus: number): SimWorker | null => {
      try {
        return herd.joinWorker(cpus, machine.order.join.token);
      } catch {
        return null;
      }
    };
    return {
      boot: async (machine, type) => {
        const known = this.workers.get(machine.tag);
        if (known) {
          await herd.startWorker(known);
          return;
        }
        // A machine whose head is away tries until it is there again, or the machine is gone.
        const attempt = (): void => {
          if (!this.machines.has(machine.tag)) return;
          const worker = herd.engine ? join(machine, type.cpus) : null;
          if (!worker) {
            herd.clock.after(500, attempt);
            return;
          }
          this.workers.set(machine.tag, worker);
          herd.clock.after(50, () => void herd.startWorker(worker));
        };
        attempt();
      },
      bootCopy: async (machine, type) => {
        herd.clock.after(1_000, () => this.copies.push(join(machine, type.cpus) ? 'joined' : 'refused'));
      },
      halt: async (tag) => {
        const worker = this.workers.get(tag);
        if (worker?.agent) herd.killWorker(worker);
      },
      erase: async (tag) => {
        const worker = this.workers.get(tag);
        this.workers.delete(tag);
        if (worker?.agent) herd.killWorker(worker);
        if (worker) worker.isRetired = true;
      },
      addressOf: (tag) => (this.workers.has(tag) ? '10.0.0.1' : null),
      lastWords: () => null,
    };
  }
}

/** The directory of providers for these clouds. */
export function simProviders(...clouds: readonly SimCloud[]) {
  const all = clouds.map((cloud) => cloud.provider);
  return {
    all: () => all,
    get: (infra: string) => all.find((provider) => provider.infra === infra),
    joinUrl: async () => 'http://head',
  };
}
