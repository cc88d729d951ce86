/**
 * One worker's side of the link, as the head hears it: hello, inventory, reports, pings.
 *
 * Absence is never an order: an attempt that this head does not know is kept by its worker and shown here. An attempt
 * that the worker should have and has no trace of is started (when it never ran) or has failed.
 */
import { DroverError, hash53, isFinal } from '@drover/core';
import {
  type AttemptFact,
  type HeadFrame,
  LINK_CLOSE,
  LINK_PROTOCOL,
  OLDEST_LINK_PROTOCOL,
  type WorkerFrame,
  type WorkerMessage,
} from '@drover/core/wire';
import { workerActor } from '../actor.ts';
import { clearTombstones } from '../instances/departure.ts';
import type { InstancesByWorker } from '../instances/index-by-worker.ts';
import { isOfOlderState } from '../instances/lost.ts';
import { releaseReservation } from '../instances/move.ts';
import { observeAbsence, observeFact } from '../instances/observe.ts';
import { clearRemnants, remnantKey, remnantOf } from '../instances/remnants.ts';
import type { Streams } from '../logs/streams.ts';
import type { LinkPort, Ports } from '../ports.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import { expectedDigest, recall, storeInlineLogs } from './incoming.ts';
import type { Link, Links, UnknownAttempt } from './links.ts';
import type { Timing } from './liveness.ts';
import { moveWorker } from './move.ts';

/** A worker that speaks of a far later state than ours is broken, not ahead. Epochs may be seconds of Unix time. */
const MOST_JUMP = { epoch: 10_000_000_000, rev: 1_000_000_000_000 } as const;

/** A worker that was deleted is looked at again so often, until it holds nothing. */
const FAREWELL_MS = 10_000;
/** The digest of an empty inventory. */
const NOTHING = hash53('');
/** Attempts that one worker says to have and nobody else knows. No herd has lost so many; a worker that invents them has. */
const MOST_UNKNOWN = 10_000;

export interface SessionContext {
  readonly state: State;
  readonly ports: Ports;
  readonly links: Links;
  readonly byWorker: InstancesByWorker;
  readonly streams: Streams;
  readonly herd: string;
  readonly timing: Timing;
  /** A worker has seen a later state than this: brings epoch and revision above what it has seen. */
  readonly outrun: (seen: { readonly epoch: number; readonly rev: number }) => void;
  /** Looks again at what this worker runs. */
  readonly poke: (instanceIds: Iterable<string>) => void;
}

export class WorkerSession {
  readonly #context: SessionContext;
  readonly #workerId: string;
  readonly #port: LinkPort;
  #link: Link | null = null;
  #chain: Promise<void> = Promise.resolve();
  #backlog = 0;
  /** The number of the last message that was taken. */
  #last = 0;
  /** The highest epoch that this link's messages carried. */
  #epoch = 0;

  constructor(context: SessionContext, workerId: string, port: LinkPort) {
    this.#context = context;
    this.#workerId = workerId;
    this.#port = port;
  }

  /**
   * A checked message. They take effect in the order of their arrival.
   * @returns when it has been taken in, if that takes a while: who reads the socket may wait with the next one
   */
  receive(message: WorkerMessage): Promise<void> | undefined {
    const { links, ports, herd } = this.#context;
    if (message.herd !== null && message.herd !== herd) {
      links.refusedFrames += message.frames.length;
      this.#refuse('this worker belongs to another herd');
      return;
    }
    if (!this.#follows(message)) return;
    if (this.#isCurrent() && this.#link) {
      const now = ports.clock.monoMs();
      if (now - this.#link.heardMs > this.#context.timing.pingMs * 2) ports.meter?.heardLate();
      this.#link.heardMs = now;
      links.heardMs.set(this.#workerId, now);
    }
    for (const frame of message.frames) this.#take(frame, message);
    return this.#backlog > 0 ? this.#chain : undefined;
  }

  /** Numbered messages come each once and in order, and their fences never go back. False: it is not taken. */
  #follows(message: WorkerMessage): boolean {
    const { links } = this.#context;
    const isOld = (message.n !== undefined && message.n <= this.#last) || message.epoch < this.#epoch;
    if (isOld) {
      links.refusedFrames += message.frames.length;
      return false;
    }
    if (message.n !== undefined && message.n > this.#last + 1) {
      links.refusedFrames += message.frames.length;
      this.#refuse(`message ${message.n} came where ${this.#last + 1} was due`);
      this.#last = Number.POSITIVE_INFINITY;
      return false;
    }
    this.#last = message.n ?? this.#last;
    this.#epoch = message.epoch;
    return true;
  }

  #refuse(why: string): void {
    this.#context.ports.log.warn({ worker: this.#workerId, why }, 'a link is refused');
    this.#port.close(LINK_CLOSE.protocol, why);
  }

  /** Only the present link of the worker is listened to: not one that never said hello, was refused, or was replaced. */
  #isCurrent(): boolean {
    return this.#link !== null && this.#context.links.get(this.#workerId) === this.#link;
  }

  #take(frame: WorkerFrame, message: WorkerMessage): void {
    const inTurn = this.#backlog === 0;
    if (frame.type === 'hello') this.#inOrder(() => this.#hello(frame, message));
    else if (inTurn && !this.#isCurrent()) this.#context.links.refusedFrames += 1;
    else if (frame.type === 'ping') this.#pong(frame);
    else if (frame.type === 'noLog') this.#context.streams.refuse(this.#workerId, frame.ticket);
    else if (frame.type === 'report' && inTurn && this.#isLight(frame.items))
      this.#report(frame.items, new Set());
    else this.#inOrder(() => this.#heavy(frame));
  }

  closed(): void {
    const link = this.#link;
    const { state, ports, links } = this.#context;
    if (!link || !links.close(link)) return;
    links.lost(link);
    // Of a worker that was deleted nothing is remembered beyond its link.
    if (!state.tables.workers.get(this.#workerId)) links.drop(this.#workerId);
    const now = ports.clock.wallMs();
    state.transact(workerActor(this.#workerId), (tx) => {
      const row = tx.get('workers', this.#workerId);
      if (row?.status !== 'ONLINE') return;
      moveWorker(
        tx,
        row,
        'doubt',
        now,
        { code: 'LINK_LOST', message: 'its connection is closed' },
        { lastSeenMs: now },
      );
    });
  }

  /** What the present link of this worker is told over and over: nothing is sent before a hello. */
  #pong({ sentMs, answered, refused }: Extract<WorkerFrame, { type: 'ping' }>): void {
    if (!this.#link) return;
    this.#link.refusedFrames = refused ?? 0;
    this.#context.links.pong(this.#link, sentMs, answered ?? null);
  }

  #inOrder(work: () => Promise<void> | void): void {
    this.#backlog += 1;
    this.#chain = this.#chain
      .then(work)
      .catch((err: unknown) => {
        this.#context.ports.log.error(
          { worker: this.#workerId, err },
          'a message of a worker could not be taken in',
        );
        this.#port.close(LINK_CLOSE.protocol, 'the message could not be taken in');
      })
      .finally(() => {
        this.#backlog -= 1;
      });
  }

  async #heavy(frame: WorkerFrame): Promise<void> {
    if (!this.#isCurrent()) {
      this.#context.links.refusedFrames += 1;
      return;
    }
    if (frame.type === 'inventory' || frame.type === 'report') {
      await recall(this.#context, frame.items);
      const archived = await storeInlineLogs(this.#context, this.#workerId, frame.items);
      if (!this.#isCurrent()) return;
      this.#report(frame.items, archived);
      if (frame.type === 'inventory') this.#settle(new Set(frame.items.map(attemptTag)));
    }
  }

  #hello(frame: Extract<WorkerFrame, { type: 'hello' }>, message: WorkerMessage): void {
    const { state, ports, links, timing } = this.#context;
    if (state.tables.identities.get(this.#workerId)?.status === 'REVOKED') {
      this.#port.close(LINK_CLOSE.revoked, 'the identity of this worker was revoked');
      return;
    }
    const protocol = Math.min(frame.protocol, LINK_PROTOCOL);
    if (protocol < Math.max(OLDEST_LINK_PROTOCOL, frame.oldest ?? frame.protocol)) {
      const theirs = `${frame.oldest ?? frame.protocol} to ${frame.protocol}`;
      this.#refuse(
        `no common link protocol: the worker speaks ${theirs}, this head ${OLDEST_LINK_PROTOCOL} to ${LINK_PROTOCOL}`,
      );
      return;
    }
    const present = links.get(this.#workerId);
    if (
      present &&
      present.session !== frame.session &&
      ports.clock.monoMs() - present.heardMs < timing.pingMs * 2
    ) {
      ports.log.warn(
        { worker: this.#workerId },
        'a second process uses the identity of a worker that is connected; it is refused',
      );
      this.#port.close(
        LINK_CLOSE.identityInUse,
        new DroverError('WORKER_IDENTITY_IN_USE', { ref: this.#workerId }).message,
      );
      return;
    }
    if (present) {
      links.close(present);
      present.port.close(LINK_CLOSE.stopping, 'replaced by a newer connection');
    }
    const seen = { epoch: message.epoch, rev: message.rev ?? 0 };
    if (seen.epoch > state.epoch + MOST_JUMP.epoch || seen.rev > state.rev + MOST_JUMP.rev) {
      this.#refuse('no head of this herd can have had such an epoch or revision');
      return;
    }
    if (message.herd !== null) this.#context.outrun(seen);
    const now = ports.clock.wallMs();
    const known = state.transact(workerActor(this.#workerId), (tx) => {
      const row = tx.get('workers', this.#workerId);
      if (!row) return false;
      const about = { offer: frame.offer, bootId: frame.bootId, lastSeenMs: now };
      if (row.status === 'SUSPECT' && this.#isFlapping(frame.session)) {
        const message = `its connection comes and goes; it gets new work when it has stood for ${timing.leaseMs / 1000} s`;
        moveWorker(tx, row, 'doubt', now, { code: 'LINK_FLAPPING', message }, about);
      } else moveWorker(tx, row, 'hear', now, null, about);
      return true;
    });
    if (!known && frame.digest === NOTHING) {
      this.#port.close(LINK_CLOSE.deleted, 'this worker has been deleted');
      return;
    }
    // It still holds something: what was given up with it is stopped first.
    if (!known)
      ports.clock.after(FAREWELL_MS, () => this.#port.close(LINK_CLOSE.stopping, 'say what is left'));
    const clockSkewMs = Math.round(frame.wallMs - now);
    this.#link = links.open(this.#workerId, frame.session, this.#port, { clockSkewMs, protocol });
    const sendInventory = frame.digest !== expectedDigest(this.#context, this.#workerId);
    this.#send({
      type: 'welcome',
      protocol,
      workerId: this.#workerId,
      pingMs: timing.pingMs,
      leaseMs: timing.leaseMs,
      sendInventory,
    });
    if (!sendInventory) this.#settle(null);
  }

  #isFlapping(session: string): boolean {
    const { links, timing } = this.#context;
    return links.isFlapping(this.#workerId, session, timing.offlineMs, timing.leaseMs);
  }

  /** The inventory is known: orders may flow. `present` null: it equals what this head knows. */
  #settle(present: ReadonlySet<string> | null): void {
    const { state, ports, byWorker } = this.#context;
    const link = this.#link;
    if (!link) return;
    const mine = [...byWorker.of(this.#workerId)];
    state.transact(workerActor(this.#workerId), (tx) => {
      clearTombstones(tx, this.#workerId, present);
      clearRemnants(tx, this.#workerId, present);
      if (present) {
        for (const id of mine) {
          const row = tx.get('instances', id);
          if (!row || present.has(attemptTag({ instance: id, attempt: row.attempt }))) continue;
          // Nothing of it is here; how it ended, or whether it ran, its worker does not know any more.
          if (isOfOlderState(row)) releaseReservation(tx, row.id);
          else if (row.status === 'RUNNING' || (row.status === 'UNKNOWN' && row.startedMs !== null))
            observeAbsence(tx, ports, row);
          else if (row.status === 'UNKNOWN') observeFact(tx, ports, this.#workerId, absentFact(row), false);
          else if (isFinal(row.status) && !row.released)
            observeFact(tx, ports, this.#workerId, { ...absentFact(row), phase: 'RELEASED' }, true);
          else if (isFinal(row.status) && row.log?.archived === false)
            tx.put('instances', { ...row, log: null });
        }
      }
    });
    const { links } = this.#context;
    const unknown = links.unknown.get(this.#workerId);
    for (const ref of unknown?.values() ?? [])
      if (!present?.has(attemptTag(ref))) unknown?.delete(ref.instance);
    link.settled = true;
    this.#context.poke(mine);
    if (link.protocol > 1) this.#send({ type: 'settled' });
  }

  /** Reports that need nothing from the store: applied within the turn in which they arrive. */
  #isLight(items: readonly AttemptFact[]): boolean {
    return items.every(
      (item) => !item.inlineLog && this.#context.state.tables.instances.get(item.instance) !== undefined,
    );
  }

  #report(items: readonly AttemptFact[], archived: ReadonlySet<string>): void {
    const { state, ports, links } = this.#context;
    const answers: HeadFrame[] = [];
    // In place: a message has thousands of reports, and a worker may have thousands that nobody knows.
    const unknown = links.unknown.get(this.#workerId) ?? new Map<string, UnknownAttempt>();
    links.unknown.set(this.#workerId, unknown);
    const settled: string[] = [];
    const forgets: { instance: string; attempt: number }[] = [];
    state.transact(workerActor(this.#workerId), (tx) => {
      for (const item of items) {
        const ref = { instance: item.instance, attempt: item.attempt };
        const verdict = observeFact(tx, ports, this.#workerId, item, archived.has(attemptTag(item)));
        unknown.delete(item.instance);
        if (verdict === 'known') {
          if (item.phase === 'RELEASED') settled.push(item.instance);
        } else if (verdict === 'logDue') {
          const remnant = remnantOf(tx, this.#workerId, ref);
          if (remnant) settled.push(remnantKey(remnant.id));
        } else if (verdict === 'unknown') {
          if (unknown.size >= MOST_UNKNOWN) continue;
          unknown.set(item.instance, ref);
          answers.push({ type: 'unknown', ...ref });
        } else if (item.phase === 'RELEASED') {
          forgets.push(ref);
        } else {
          links.refusedFrames += 1;
          answers.push({
            type: 'stop',
            ...ref,
            graceMs: tx.get('instances', item.instance)?.spec.graceMs ?? 0,
          });
        }
      }
    });
    if (unknown.size >= MOST_UNKNOWN) this.#refuse(`more than ${MOST_UNKNOWN} attempts that nobody knows`);
    if (answers.length > 0) this.#send(...answers);
    const link = this.#link;
    if (link) for (const ref of forgets) links.forget(link, ref.instance, ref.attempt);
    // A record whose end was known before changes no row, and still has to be forgotten by the worker.
    if (settled.length > 0) this.#context.poke(settled);
  }

  #send(...frames: HeadFrame[]): void {
    if (this.#link) this.#context.links.send(this.#link, ...frames);
  }
}

const attemptTag = (ref: { instance: string; attempt: number }): string => `${ref.instance}/${ref.attempt}`;

/** What is said of an attempt of which the worker has no trace and that never ran. */
const absentFact = (row: InstanceRow): AttemptFact => ({
  instance: row.id,
  attempt: row.attempt,
  phase: 'PREPARING',
  stopping: false,
  pid: null,
  port: null,
  startedAtMs: null,
  exit: null,
  log: row.log ?? { available: 0, size: 0 },
  inlineLog: null,
});
