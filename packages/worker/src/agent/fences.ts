/**
 * Which messages of a head count: those of this worker's herd, of an epoch no lower than any that was seen, each once and
 * in the order of their numbers. What is refused is counted.
 */
import type { HeadMessage } from '@drover/core/wire';
import { REV_KEPT_MS } from './limits.ts';
import type { AgentPorts, Memory } from './ports.ts';

export class Fences {
  readonly #ports: Pick<AgentPorts, 'clock' | 'remember'>;
  #memory: Memory;
  /** The numbers of the last messages of this link, each way. */
  #sent = 0;
  #taken = 0;
  #revKeptMs = 0;
  refusedFrames = 0;

  constructor(ports: Pick<AgentPorts, 'clock' | 'remember'>, memory: Memory) {
    this.#ports = ports;
    this.#memory = memory;
  }

  /** Another link begins: numbers begin anew. */
  reset(): void {
    this.#sent = 0;
    this.#taken = 0;
  }

  /** What the next message of this worker carries. */
  next(): Memory & { readonly n: number } {
    this.#sent += 1;
    return { n: this.#sent, ...this.#memory };
  }

  /** @returns null when it comes in its turn, `again` when it was taken before, else why the link cannot go on */
  outOfTurn({ n, frames }: HeadMessage): string | null {
    if (n === undefined || n === this.#taken + 1) {
      this.#taken = n ?? this.#taken;
      return null;
    }
    this.refusedFrames += frames.length;
    if (n <= this.#taken) return 'again';
    this.#taken = Number.POSITIVE_INFINITY;
    return `message ${n} came too early`;
  }

  /** @returns null when it is of this herd and not of an older head, else why not */
  foreign({ herd, epoch, frames }: HeadMessage): string | null {
    const seen = this.#memory;
    const isOurs = seen.herd === null || herd === seen.herd;
    if (isOurs && epoch >= seen.epoch) return null;
    this.refusedFrames += frames.length;
    return isOurs ? 'an older epoch' : 'another herd';
  }

  /** A later epoch is on disk before anything is done about it. The revision follows now and then. */
  async remember({ herd, epoch, rev }: HeadMessage): Promise<void> {
    const before = this.#memory;
    const memory = { herd, epoch, rev: Math.max(rev, before.rev) };
    const isLater = before.herd === null || epoch > before.epoch;
    const now = this.#ports.clock.monoMs();
    if (isLater || (memory.rev > before.rev && now - this.#revKeptMs > REV_KEPT_MS)) {
      this.#revKeptMs = now;
      await this.#ports.remember(memory);
    }
    this.#memory = memory;
  }
}
