/**
 * The open control links and what is known only through them. Soft state: nothing here is stored, and after a restart
 * of the head it is learned anew from the first messages.
 */
import type { HeadFrame } from '@drover/core/wire';
import type { Clock, LinkPort } from '../ports.ts';
import type { State } from '../state/state.ts';

export interface Link {
  readonly workerId: string;
  /** The worker process behind it; a second process with the same identity has another. */
  readonly session: string;
  readonly port: LinkPort;
  heardMs: number;
  clockSkewMs: number;
  /** Orders given on this link, as `verb/instance/attempt`: a new link is told everything anew. */
  readonly told: Set<string>;
  /** False until the worker's inventory is known (sent, or proved equal by its digest). */
  settled: boolean;
}

/** An attempt on a worker that this head does not know: kept and shown, never killed. */
export interface UnknownAttempt {
  readonly instance: string;
  readonly attempt: number;
}

export class Links {
  readonly #state: State;
  readonly #clock: Clock;
  readonly #links = new Map<string, Link>();
  /** When each worker was last heard, by the monotonic clock; outlives its link. */
  readonly heardMs = new Map<string, number>();
  readonly unknown = new Map<string, UnknownAttempt[]>();
  refusedFrames = 0;

  constructor(state: State, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  get(workerId: string): Link | undefined {
    return this.#links.get(workerId);
  }

  open(workerId: string, session: string, port: LinkPort, clockSkewMs: number): Link {
    const heardMs = this.#clock.monoMs();
    const link: Link = { workerId, session, port, heardMs, clockSkewMs, told: new Set(), settled: false };
    this.#links.set(workerId, link);
    this.heardMs.set(workerId, heardMs);
    return link;
  }

  /** @returns true when it was this worker's present link. */
  close(link: Link): boolean {
    if (this.#links.get(link.workerId) !== link) return false;
    this.#links.delete(link.workerId);
    return true;
  }

  all(): IterableIterator<Link> {
    return this.#links.values();
  }

  /** Sends once everything that led to it is durable, if the link is then still open. */
  send(link: Link, ...frames: HeadFrame[]): void {
    this.#state.whenDurable(this.#state.rev, () => {
      if (this.#links.get(link.workerId) === link) link.port.send(frames);
    });
  }

  /** Gives an order once per link. */
  tell(link: Link, order: string, frame: HeadFrame): void {
    if (link.told.has(order)) return;
    link.told.add(order);
    this.send(link, frame);
  }
}
