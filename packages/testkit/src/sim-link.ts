/**
 * One connection of the simulated network: two ends that may know of each other's end late, or never. What is sent may be
 * delayed, lost, doubled, or overtake; a direction that is blocked swallows everything, the news of a closed end too.
 */
import { type HeadFrame, type HeadMessage, LINK_CLOSE, type WorkerMessage } from '@drover/core/wire';
import type { Engine, LinkPort as HeadLinkPort, WorkerSession } from '@drover/engine';
import type { Agent, LinkPort } from '@drover/worker/agent';
import type { SeededRandom } from './seeded-random.ts';
import type { Life, VirtualClock } from './virtual-clock.ts';

/** How the network between one worker and the head behaves. Chances from 0 to 1, times in milliseconds. */
export interface NetConditions {
  readonly loss: number;
  readonly duplicate: number;
  /** The chance that a message does not wait for those before it. */
  readonly reorder: number;
  readonly delayMs: readonly [least: number, most: number];
  /** Swallows what the worker sends, and what is sent to it. */
  readonly toHeadBlocked: boolean;
  readonly toWorkerBlocked: boolean;
}

export const GOOD_NET: NetConditions = {
  loss: 0,
  duplicate: 0,
  reorder: 0,
  delayMs: [1, 20],
  toHeadBlocked: false,
  toWorkerBlocked: false,
};

export interface SimLinkParts {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  /** The conditions of now. */
  readonly net: () => NetConditions;
  readonly engine: Engine;
  readonly headLife: Life;
  readonly agent: () => Agent | null;
  readonly life: Life;
  readonly workerId: string;
  readonly onError: (error: unknown) => void;
  /** Each message and each end of the connection, in words. */
  readonly trace: (what: () => string) => void;
  /** The head says that this worker was deleted: its process ends. */
  readonly onDeleted: () => void;
  /** The worker's end is closed: it dials again. */
  readonly onWorkerEndClosed: () => void;
}

/** Ids cut short, pings left out. */
function shortly(message: HeadMessage | WorkerMessage): string {
  const text = JSON.stringify({ ...message, herd: undefined }, (key, value) =>
    key === 'offer' ? undefined : value,
  );
  return text.replace(/([0-9a-f]{8})-[0-9a-f-]{27}/g, '$1').slice(0, 600);
}

/** A connection that does not come about is given up. */
const DIAL_MS = 2_000;

type Direction = 'toHead' | 'toWorker';

export class SimLink {
  readonly #parts: SimLinkParts;
  readonly #session: WorkerSession;
  readonly #arrivesMs = { toHead: 0, toWorker: 0 };
  #headOpen = true;
  #workerOpen = true;
  #number = 0;
  #isDialled = false;

  constructor(parts: SimLinkParts) {
    this.#parts = parts;
    const { engine, workerId } = parts;
    const headPort: HeadLinkPort = {
      send: (frames) => this.#sendToWorker(frames),
      close: (code) => this.closeHeadEnd(code),
    };
    this.#session = engine.openSession(workerId, headPort);
    this.#carry('toWorker', () => {
      if (!this.#workerOpen) return;
      this.#isDialled = true;
      parts.agent()?.opened(this.#workerPort);
    });
    parts.clock.view(parts.life).after(DIAL_MS, () => {
      if (!this.#isDialled) this.closeWorkerEnd();
    });
  }

  readonly #workerPort: LinkPort = {
    send: (message) => this.#sendToHead(message),
    reset: () => this.closeWorkerEnd(),
  };

  #sendToWorker(frames: readonly HeadFrame[]): void {
    const { engine, headLife, agent } = this.#parts;
    if (!this.#headOpen || headLife.dead) return;
    this.#number += 1;
    const fences = { herd: engine.herd, epoch: engine.state.epoch, rev: engine.state.durableRev };
    const message: HeadMessage = { n: this.#number, ...fences, frames: [...frames] };
    this.#parts.trace(() => `head -> worker: ${shortly(message)}`);
    this.#lossy('toWorker', () => {
      if (this.#workerOpen) agent()?.receive(structuredClone(message));
    });
  }

  #sendToHead(message: WorkerMessage): boolean {
    if (!this.#workerOpen || this.#parts.life.dead) return false;
    this.#parts.trace(() => `worker -> head: ${shortly(message)}`);
    this.#lossy('toHead', () => {
      if (this.#headOpen) this.#session.receive(structuredClone(message))?.catch(this.#parts.onError);
    });
    return true;
  }

  #lossy(direction: Direction, deliver: () => void): void {
    const { random, net } = this.#parts;
    const { loss, duplicate } = net();
    if (random.chance(loss)) return;
    this.#carry(direction, deliver);
    if (random.chance(duplicate)) this.#carry(direction, deliver);
  }

  /** Brings something to the other side in a while, unless that direction is blocked then. */
  #carry(direction: Direction, deliver: () => void): void {
    const { clock, random, net, headLife, life } = this.#parts;
    const { reorder, delayMs } = net();
    const [least, most] = delayMs;
    let atMs = clock.nowMs + least + random.int(Math.max(1, most - least + 1));
    if (!random.chance(reorder)) {
      atMs = Math.max(atMs, this.#arrivesMs[direction]);
      this.#arrivesMs[direction] = atMs;
    }
    // The receiver's life decides: a dead process hears nothing, a stopped one hears it when it goes on.
    const receiver = clock.view(direction === 'toHead' ? headLife : life);
    receiver.after(atMs - clock.nowMs, () => {
      const now = net();
      if (direction === 'toHead' ? !now.toHeadBlocked : !now.toWorkerBlocked) deliver();
    });
  }

  /** The head closes its end, or its process has died: the worker hears of it when the network lets it. */
  closeHeadEnd(code = 1006): void {
    if (!this.#headOpen) return;
    this.#headOpen = false;
    this.#parts.trace(() => 'the head closes its end');
    const { clock, headLife } = this.#parts;
    clock.view(headLife).after(0, () => this.#session.closed());
    this.#carry('toWorker', () => {
      if (code === LINK_CLOSE.deleted && this.#workerOpen) this.#parts.onDeleted();
      this.closeWorkerEnd();
    });
  }

  closeWorkerEnd(): void {
    if (!this.#workerOpen) return;
    this.#workerOpen = false;
    this.#parts.trace(() => 'the worker closes its end');
    this.#parts.agent()?.closed();
    this.#parts.onWorkerEndClosed();
    this.#carry('toHead', () => this.closeHeadEnd());
  }

  /** Both ends see it break at once. */
  break(): void {
    this.closeHeadEnd();
    this.closeWorkerEnd();
  }
}
