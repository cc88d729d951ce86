/** The infra `local`: a worker on this machine, started when it is first needed. */
import { execFile } from 'node:child_process';
import { availableParallelism, totalmem } from 'node:os';
import { gpuName } from '@drover/core';
import {
  type MachineOrder,
  type MachineType,
  ProviderError,
  type ProviderMachine,
  type ProviderPort,
} from '@drover/engine';
import type { HeadPlace } from './head-place.ts';
import type { WorkerProcesses, WorkerShape } from './worker-processes.ts';

const MIB = 1024 * 1024;
const TYPE = 'local';
/** Why only admins may run something on the workers that the head starts on its own machine. */
export const adminsOnly = (infra: string): string =>
  `workers of infra ${infra} run as the head's own user: for admins only; start the head with --local-for-users, or add a worker`;

interface Facts {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly accelerators: MachineType['accelerators'];
}

/** What this machine has, within the limits that are set on this process. */
async function factsOfHere(): Promise<Facts> {
  const constrained = process.constrainedMemory?.() ?? 0;
  const memory = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return {
    cpus: availableParallelism(),
    memoryMiB: Math.floor(memory / MIB),
    accelerators: await gpusOfHere(),
  };
}

/** One model, or none; a mixture is found by the worker itself. */
function gpusOfHere(): Promise<MachineType['accelerators']> {
  return new Promise((resolve) => {
    execFile(
      'nvidia-smi',
      ['--query-gpu=name', '--format=csv,noheader'],
      { timeout: 10_000 },
      (error, stdout) => {
        const models = error ? [] : stdout.split('\n').filter((line) => line.trim() !== '');
        const names = new Set(models.map((model) => gpuName(model.trim())));
        const [name] = names;
        resolve(names.size === 1 && name !== undefined ? { name, count: models.length } : null);
      },
    );
  });
}

/** One worker of this machine; the program that runs it is the one that runs the head. */
export class LocalProvider implements ProviderPort {
  readonly infra = 'local';
  readonly sharing = 'shared';
  readonly listing = 'exact';
  readonly features = { stop: true, spot: false };
  readonly adminsOnly: string | undefined;
  readonly #processes: WorkerProcesses;
  readonly #place: () => Promise<HeadPlace>;
  #facts: Promise<Facts> | null = null;

  /** @param forUsers others than admins may run something there too, as the user that the head runs as */
  constructor(processes: WorkerProcesses, place: () => Promise<HeadPlace>, forUsers = false) {
    this.adminsOnly = forUsers ? undefined : adminsOnly('local');
    this.#processes = processes;
    this.#place = place;
  }

  async catalogue(): Promise<readonly MachineType[]> {
    this.#facts ??= factsOfHere();
    return [
      {
        infra: this.infra,
        type: TYPE,
        region: null,
        zone: null,
        ...(await this.#facts),
        pricePerHour: 0,
        spotPricePerHour: null,
        available: 1,
        startSeconds: 1,
      },
    ];
  }

  async create(order: MachineOrder): Promise<ProviderMachine> {
    if (order.type !== TYPE) throw new ProviderError('INVALID', `${this.infra} has no ${order.type}`);
    await this.#processes.start(order.tag, await this.#shape(), await this.#place(), order.join.token);
    return this.#view(order.tag);
  }

  async stop(tag: string): Promise<void> {
    await this.#processes.end(tag);
  }

  async start(tag: string): Promise<void> {
    if (!this.#processes.tags().includes(tag))
      throw new ProviderError('INVALID', `${this.infra} knows no machine ${tag}`);
    // Its identity lies in its folder; it needs no token.
    await this.#processes.start(tag, await this.#shape(), await this.#place(), '');
  }

  async terminate(tag: string): Promise<void> {
    await this.#processes.erase(tag);
  }

  async list(): Promise<readonly ProviderMachine[]> {
    const place = await this.#place();
    // One that calls where this head was before is ended, and started again with what ran there.
    for (const tag of this.#processes.tags())
      if (this.#processes.isAlive(tag) && !this.#processes.isFor(tag, place)) await this.#processes.end(tag);
    return this.#processes.tags().map((tag) => this.#view(tag));
  }

  /** Said, so that what was chosen for it before it ran is what it offers. */
  async #shape(): Promise<WorkerShape> {
    this.#facts ??= factsOfHere();
    const { cpus, memoryMiB } = await this.#facts;
    return { name: TYPE, cpus, memoryMiB, gpus: null };
  }

  #view(tag: string): ProviderMachine {
    const isAlive = this.#processes.isAlive(tag);
    return {
      tag,
      id: tag,
      status: isAlive ? 'running' : 'stopped',
      address: '127.0.0.1',
      note: isAlive ? null : this.#processes.lastWords(tag),
    };
  }
}
