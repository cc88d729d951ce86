/** A herd on virtual time with what a scenario needs at hand: submit, wait for a level, look. */
import { instanceSubmit } from '@drover/core/wire';
import type { Engine, InstanceRow } from '@drover/engine';
import { SIM_ACTOR, SimHerd, type SimWorker } from '@drover/testkit';
import { rowOf } from './invariants.ts';

/** Silence after which the simulated head declares a worker OFFLINE. */
export const OFFLINE_MS = 4_000;

export class Desk {
  readonly herd: SimHerd;

  private constructor(herd: SimHerd) {
    this.herd = herd;
  }

  /** A head and some workers of 4 cores each, all ONLINE. */
  static async open(workers: number, seed = 42): Promise<Desk> {
    const desk = new Desk(new SimHerd(seed));
    await desk.herd.startHead();
    for (let i = 0; i < workers; i++) await desk.herd.addWorker(4);
    await desk.reach('all are ONLINE', () => desk.herd.workers.every((each) => desk.isOnline(each)));
    return desk;
  }

  get engine(): Engine {
    if (!this.herd.engine) throw new Error('no head');
    return this.herd.engine;
  }

  isOnline(worker: SimWorker): boolean {
    return this.herd.engine?.state.tables.workers.get(worker.id)?.status === 'ONLINE';
  }

  submit(
    want: { runMs?: number; code?: number; logBytes?: number } & Record<string, unknown> = {},
  ): InstanceRow {
    const { runMs = 100, code = 0, logBytes = 0, ...rest } = want;
    const command = JSON.stringify({ runMs, code, logBytes, ignoresTerm: false, failsToStart: false });
    return this.engine.instances.submit(SIM_ACTOR, instanceSubmit.parse({ command, ...rest }));
  }

  row(id: string): InstanceRow {
    const row = rowOf(this.herd, id);
    if (!row) throw new Error(`no row ${id}`);
    return row;
  }

  /** Where it is placed. */
  workerOf(id: string): SimWorker {
    const worker = this.herd.workers.find((each) => each.id === this.row(id).workerId);
    if (!worker) throw new Error(`${id} is on no worker`);
    return worker;
  }

  async reach(what: string, holds: () => boolean, limitMs = 20_000): Promise<void> {
    const { clock } = this.herd;
    if (!(await clock.until(holds, clock.nowMs + limitMs))) throw new Error(`not reached: ${what}`);
  }

  async status(id: string, status: string, limitMs?: number): Promise<void> {
    const isStored = (): boolean => this.engine.state.durableRev >= this.row(id).rev;
    await this.reach(status, () => this.row(id).status === status && isStored(), limitMs);
  }

  /** The outcome of a promise that needs virtual time to pass. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const mark = (): void => {
      done = true;
    };
    promise.then(mark, mark);
    await this.reach('a promise settles', () => done, 120_000);
    return promise;
  }

  async pass(ms: number): Promise<void> {
    await this.herd.clock.until(() => false, this.herd.clock.nowMs + ms);
  }

  /** The types of the events of one thing, in order. */
  eventsOf(id: string): string[] {
    const types: string[] = [];
    this.engine.events.follow(SIM_ACTOR, 0, { id }, (event) => types.push(event.type))();
    return types;
  }

  /** Every start on any worker. */
  starts(id: string): string[] {
    return this.herd.workers.flatMap(({ disk }) => disk.starts.filter((start) => start.startsWith(id)));
  }
}
