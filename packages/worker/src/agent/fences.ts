/**
 * Which messages of a head count: those of this worker's herd, of an epoch no lower than any that was seen, each once and
 * in the order of their numbers. What is refused is counted.
 */
import type { HeadMessage } from '@drover/core/wire';
import { REV_KEPT_MS } from './limits.ts';
import { untilItWorks } from './persist.ts';
import type { AgentPorts, Memory } from './ports.ts';

export class Fences {
  readonly #ports: Pick<AgentPorts, 'clock' | 'remember' | 'log'>;
  readonly #onSaved: () => void;
  #memory: Memory;
  /** What is known to be on disk. */
  #savedEpoch: number | null;
  #isSaving = false;
  /** The numbers of the last messages of this link, each way. */
  #sent = 0;
  #taken = 0;
  #revKeptMs = 0;
  refusedFrames = 0;

  /** @param onSaved called when `isSaved` has become true */
  constructor(ports: Pick<AgentPorts, 'clock' | 'remember' | 'log'>, memory: Memory, onSaved: () => void) {
    this.#ports = ports;
    this.#memory = memory;
    this.#savedEpoch = memory.epoch;
    this.#onSaved = onSaved;
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

  /** False while a later epoch is not on disk yet: nothing is begun that an older head could order again after a crash. */
  get isSaved(): boolean {
    return this.#savedEpoch === this.#memory.epoch;
  }

  /** Counts at once. A disk that refuses holds up nothing but what is begun; it is tried until it works. */
  remember({ herd, epoch, rev }: HeadMessage): void {
    const before = this.#memory;
    const isLater = before.herd === null || epoch > before.epoch;
    this.#memory = { herd, epoch, rev: isLater ? rev : Math.max(rev, before.rev) };
    if (isLater) this.#savedEpoch = null;
    const now = this.#ports.clock.monoMs();
    if (isLater || (this.#memory.rev > before.rev && now - this.#revKeptMs > REV_KEPT_MS)) this.#save(now);
  }

  #save(now: number): void {
    this.#revKeptMs = now;
    if (this.#isSaving) return;
    this.#isSaving = true;
    const { clock, log, remember } = this.#ports;
    let saved = this.#memory;
    untilItWorks(
      clock,
      async () => {
        saved = this.#memory;
        await remember(saved);
      },
      (err) => log.warn({ err }, 'could not write down which head was seen; trying again'),
    )
      .then(() => {
        this.#isSaving = false;
        this.#savedEpoch = saved.epoch;
        if (this.isSaved) this.#onSaved();
        else this.#save(clock.monoMs());
      })
      .catch(() => undefined);
  }
}
