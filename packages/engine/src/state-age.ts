/** Whether the state of this head is an older copy: restored from a backup, or outrun by what a worker has seen. */
import { SYSTEM } from './actor.ts';
import { doubtAll } from './instances/lost.ts';
import type { Ports } from './ports.ts';
import type { State } from './state/state.ts';
import type { Links } from './workers/links.ts';

interface Found {
  readonly epoch: number;
  readonly rev: number;
}

export class StateAge {
  readonly #state: State;
  readonly #ports: Ports;
  readonly #links: Links;
  /** The epoch of this head at its start, and the revision that it found. */
  readonly #began: Found;
  /** Instances up to here were there when this head started. */
  readonly #loadedSeq: number;
  /** A worker has proved that this state is an older copy. */
  #isOlderCopy = false;

  /** @param loaded the newest revision and the highest number of an instance in the store */
  constructor(
    state: State,
    ports: Ports,
    links: Links,
    loaded: { readonly rev: number; readonly seq: number },
  ) {
    this.#state = state;
    this.#ports = ports;
    this.#links = links;
    this.#began = { epoch: state.epoch, rev: loaded.rev };
    this.#loadedSeq = loaded.seq;
  }

  /**
   * A worker has seen a later epoch or revision than ours: this state is an older copy. Orders must not look older than
   * they are, and nothing that may have run since is begun again.
   */
  outrun(seen: Found): void {
    const state = this.#state;
    // A revision of an earlier head that this one did not find: it began without it, however far it is by now.
    const isMissing = !this.#isOlderCopy && seen.epoch < this.#began.epoch && seen.rev > this.#began.rev;
    if (seen.epoch <= state.epoch && seen.rev <= state.rev && !isMissing) return;
    const ours = { epoch: state.epoch, rev: state.rev };
    const epoch = Math.max(seen.epoch, state.epoch) + 1;
    state.raiseEpoch(epoch);
    state.raiseRev(seen.rev);
    state.transact(SYSTEM, (tx) => {
      const row = tx.get('meta', 'epoch');
      if (row) tx.put('meta', { ...row, value: String(epoch) });
    });
    // Once: a worker that says so over and over takes nothing back.
    const doubted = this.#isOlderCopy ? 0 : this.doubtAll();
    this.#isOlderCopy = true;
    this.#ports.log.warn(
      { seen: { epoch: seen.epoch, rev: seen.rev }, ours, doubted },
      'a worker has seen a later state: this one is an older copy; nothing is stopped or begun again because of it',
    );
  }

  /** @returns how many instances wait for their worker or a person to say how they stand */
  doubtAll(): number {
    const isConfirmed = (workerId: string): boolean => this.#links.get(workerId)?.settled === true;
    return doubtAll(this.#state, this.#ports, this.#loadedSeq, isConfirmed);
  }
}
