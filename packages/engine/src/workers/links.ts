/**
 * The open control links and what is known only through them. Soft state: nothing here is stored, and after a restart
 * of the head it is learned anew from the first messages.
 */
import { type HeadFrame, LINK_CLOSE } from '@drover/core/wire';
import type { Origin } from '../origin.ts';
import type { Clock, LinkPort, Meter } from '../ports.ts';
import type { State } from '../state/state.ts';

export interface Link {
  readonly workerId: string;
  /** The worker process behind it; a second process with the same identity has another. */
  readonly session: string;
  readonly port: LinkPort;
  heardMs: number;
  /** As the worker says: see `WorkerView.refusedFrames`. */
  refusedFrames: number;
  clockSkewMs: number;
  /** Orders given on this link, by `instance/attempt`: a new link is told everything anew. */
  readonly told: Map<string, Set<string>>;
  /** False until the worker's inventory is known (sent, or proved equal by its digest). */
  settled: boolean;
  readonly openedMs: number;
  /** Pongs under way: when each was sent, by the `sentMs` of its ping. */
  readonly pongs: Map<number, number>;
  /** What was sent up to this moment has come to the worker, by the monotonic clock. */
  confirmedMs: number;
  /** When the worker was told to forget, by `instance/attempt`, as far as it matters. */
  readonly forgets: Map<string, number>;
  /** Link protocol that both ends speak. */
  readonly protocol: number;
}

/** An attempt on a worker that this head does not know: kept and shown, never killed. */
export interface UnknownAttempt {
  readonly instance: string;
  readonly attempt: number;
}

/** A worker that never says what has come costs no more than this. */
const PONGS_REMEMBERED = 100;
/** So many losses within the window, and a link counts as flapping. */
const FLAPS = 3;

export class Links {
  readonly #state: State;
  readonly #clock: Clock;
  readonly #meter: Meter | undefined;
  readonly #links = new Map<string, Link>();
  /** When each worker was last heard, by the monotonic clock; outlives its link. */
  readonly heardMs = new Map<string, number>();
  readonly unknown = new Map<string, Map<string, UnknownAttempt>>();
  /** When each worker's link was lost lately, by the monotonic clock. */
  readonly #losses = new Map<string, { readonly session: string; readonly atMs: readonly number[] }>();
  refusedFrames = 0;

  constructor(state: State, clock: Clock, meter?: Meter) {
    this.#state = state;
    this.#clock = clock;
    this.#meter = meter;
  }

  get(workerId: string): Link | undefined {
    return this.#links.get(workerId);
  }

  open(
    workerId: string,
    session: string,
    port: LinkPort,
    about: Pick<Link, 'clockSkewMs' | 'protocol'>,
  ): Link {
    const heardMs = this.#clock.monoMs();
    const link: Link = {
      workerId,
      session,
      port,
      heardMs,
      refusedFrames: 0,
      openedMs: heardMs,
      pongs: new Map(),
      confirmedMs: Number.NEGATIVE_INFINITY,
      forgets: new Map(),
      ...about,
      told: new Map(),
      settled: false,
    };
    this.#links.set(workerId, link);
    this.heardMs.set(workerId, heardMs);
    return link;
  }

  /** Counts a lost link. A worker process that was started anew has not lost any yet. */
  lost({ workerId, session }: Link): void {
    const before = this.#losses.get(workerId);
    const atMs = before?.session === session ? before.atMs : [];
    this.#losses.set(workerId, { session, atMs: [...atMs, this.#clock.monoMs()].slice(-FLAPS) });
  }

  /**
   * True while a worker's link comes and goes: it was lost several times within `windowMs`, and what stands now has not
   * stood for `stableMs`. Such a worker stays SUSPECT instead of going back and forth.
   */
  isFlapping(workerId: string, session: string, windowMs: number, stableMs: number): boolean {
    const before = this.#losses.get(workerId);
    const losses = before?.session === session ? before.atMs : [];
    const now = this.#clock.monoMs();
    if (losses.length < FLAPS || now - (losses[0] ?? 0) > windowMs) return false;
    const link = this.get(workerId);
    return !link || now - link.openedMs < stableMs;
  }

  /** The worker is deleted. */
  drop(workerId: string): void {
    this.heardMs.delete(workerId);
    this.unknown.delete(workerId);
    this.#losses.delete(workerId);
  }

  /** Its identity was revoked: what is open ends now, and nothing it says any more is heard. */
  revoke(workerId: string): void {
    const link = this.#links.get(workerId);
    if (!link) return;
    this.#links.delete(workerId);
    link.port.close(LINK_CLOSE.revoked, 'the identity of this worker was revoked');
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

  /** The end and the log are durable here: the worker may let go. Said again it does no harm, so it is not remembered. */
  forget(link: Link, instance: string, attempt: number): void {
    const tag = `${instance}/${attempt}`;
    link.told.delete(tag);
    this.send(link, { type: 'forget', instance, attempt });
    if (this.#state.tables.tombstones.get(tag))
      this.#state.whenDurable(this.#state.rev, () => link.forgets.set(tag, this.#clock.monoMs()));
  }

  /** Answers a ping. */
  pong(link: Link, sentMs: number, answered: number | null): void {
    const now = this.#clock.monoMs();
    const confirmedMs = answered === null ? undefined : link.pongs.get(answered);
    if (confirmedMs !== undefined) {
      link.confirmedMs = confirmedMs;
      for (const [each, atMs] of link.pongs) if (atMs <= confirmedMs) link.pongs.delete(each);
    }
    if (link.pongs.size < PONGS_REMEMBERED) link.pongs.set(sentMs, now);
    link.port.send([{ type: 'pong', sentMs }]);
  }

  /** Gives an order once per link. `origin`: the call that a start goes back to. */
  tell(link: Link, frame: Extract<HeadFrame, { type: 'start' | 'stop' }>, origin?: Origin): void {
    const { instance, attempt } = frame.type === 'start' ? frame.order : frame;
    const order = frame.type === 'start' ? 'start' : `stop within ${frame.graceMs}`;
    const told = link.told.get(`${instance}/${attempt}`) ?? new Set<string>();
    if (told.has(order)) return;
    link.told.set(`${instance}/${attempt}`, told.add(order));
    this.send(link, frame);
    const meter = this.#meter;
    if (!meter || frame.type !== 'start') return;
    const decidedMs = this.#clock.monoMs();
    const worker = link.workerId;
    this.#state.whenDurable(this.#state.rev, () =>
      meter.ordered({ instance, attempt, worker, origin, ms: this.#clock.monoMs() - decidedMs }),
    );
  }
}
