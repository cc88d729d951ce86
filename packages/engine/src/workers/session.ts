/**
 * One worker's side of the link, as the head hears it: hello, inventory, reports, pings.
 *
 * Absence is never an order: an attempt that this head does not know is kept by its worker and shown here. An attempt
 * that the worker should have and has no trace of is started (when it never ran) or has failed.
 */
import { DroverError, isFinal } from '@drover/core';
import {
  type AttemptFact,
  type HeadFrame,
  LINK_CLOSE,
  LINK_PROTOCOL,
  type WorkerFrame,
  type WorkerMessage,
} from '@drover/core/wire';
import { workerActor } from '../actor.ts';
import { clearTombstones } from '../instances/departure.ts';
import type { InstancesByWorker } from '../instances/index-by-worker.ts';
import { observeAbsence, observeFact } from '../instances/observe.ts';
import type { Streams } from '../logs/streams.ts';
import type { LinkPort, Ports } from '../ports.ts';
import type { InstanceRow } from '../state/rows.ts';
import type { State } from '../state/state.ts';
import { expectedDigest, recall, storeInlineLogs } from './incoming.ts';
import type { Link, Links } from './links.ts';
import { moveWorker } from './move.ts';

/** A worker that speaks of a far later epoch than ours is broken, not ahead. */
const MOST_EPOCH_JUMP = 1_000_000;

export interface SessionContext {
  readonly state: State;
  readonly ports: Ports;
  readonly links: Links;
  readonly byWorker: InstancesByWorker;
  readonly streams: Streams;
  readonly herd: string;
  readonly timing: { readonly pingMs: number; readonly leaseMs: number };
  /** Brings the epoch above one that a worker has seen: this head came from an older backup. */
  readonly outrun: (epoch: number) => void;
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
      this.#port.close(LINK_CLOSE.protocol, 'this worker belongs to another herd');
      return;
    }
    if (this.#isCurrent() && this.#link) {
      this.#link.heardMs = ports.clock.monoMs();
      links.heardMs.set(this.#workerId, this.#link.heardMs);
    }
    for (const frame of message.frames) this.#take(frame, message);
    return this.#backlog > 0 ? this.#chain : undefined;
  }

  /** Only the present link of the worker is listened to: not one that never said hello, was refused, or was replaced. */
  #isCurrent(): boolean {
    return this.#link !== null && this.#context.links.get(this.#workerId) === this.#link;
  }

  #take(frame: WorkerFrame, message: WorkerMessage): void {
    const inTurn = this.#backlog === 0;
    if (frame.type === 'hello') this.#inOrder(() => this.#hello(frame, message));
    else if (inTurn && !this.#isCurrent()) this.#context.links.refusedFrames += 1;
    else if (frame.type === 'ping') this.#pong(frame.sentMs);
    else if (frame.type === 'noLog') this.#context.streams.refuse(this.#workerId, frame.ticket);
    else if (frame.type === 'report' && inTurn && this.#isLight(frame.items))
      this.#report(frame.items, new Set());
    else this.#inOrder(() => this.#heavy(frame));
  }

  closed(): void {
    const link = this.#link;
    if (!link || !this.#context.links.close(link)) return;
    const { state, ports } = this.#context;
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
  #pong(sentMs: number): void {
    if (this.#link) this.#port.send([{ type: 'pong', sentMs }]);
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
    if (frame.protocol !== LINK_PROTOCOL) {
      this.#port.close(
        LINK_CLOSE.protocol,
        `link protocol ${frame.protocol} is not spoken here; this head speaks ${LINK_PROTOCOL}`,
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
    if (message.herd !== null && message.epoch > state.epoch + MOST_EPOCH_JUMP) {
      this.#port.close(LINK_CLOSE.protocol, 'no head of this herd can have had such an epoch');
      return;
    }
    if (message.herd !== null) this.#context.outrun(message.epoch);
    const now = ports.clock.wallMs();
    const known = state.transact(workerActor(this.#workerId), (tx) => {
      const row = tx.get('workers', this.#workerId);
      if (!row) return false;
      moveWorker(tx, row, 'hear', now, null, { offer: frame.offer, bootId: frame.bootId, lastSeenMs: now });
      return true;
    });
    if (!known) {
      this.#port.close(LINK_CLOSE.deleted, 'this worker has been deleted');
      return;
    }
    this.#link = links.open(this.#workerId, frame.session, this.#port, Math.round(frame.wallMs - now));
    const sendInventory = frame.digest !== expectedDigest(this.#context, this.#workerId);
    this.#send({
      type: 'welcome',
      workerId: this.#workerId,
      pingMs: timing.pingMs,
      leaseMs: timing.leaseMs,
      sendInventory,
    });
    if (!sendInventory) this.#settle(null);
  }

  /** The inventory is known: orders may flow. `present` null: it equals what this head knows. */
  #settle(present: ReadonlySet<string> | null): void {
    const { state, ports, byWorker } = this.#context;
    const link = this.#link;
    if (!link) return;
    const mine = [...byWorker.of(this.#workerId)];
    const now = ports.clock.wallMs();
    state.transact(workerActor(this.#workerId), (tx) => {
      clearTombstones(tx, this.#workerId, present);
      if (present) {
        for (const id of mine) {
          const row = tx.get('instances', id);
          if (!row || present.has(attemptTag({ instance: id, attempt: row.attempt }))) continue;
          if (row.status === 'RUNNING' || (row.status === 'UNKNOWN' && row.startedMs !== null))
            observeAbsence(tx, row, now);
          else if (row.status === 'UNKNOWN') observeFact(tx, this.#workerId, absentFact(row), false, now);
          else if (isFinal(row.status) && !row.released)
            observeFact(tx, this.#workerId, { ...absentFact(row), phase: 'RELEASED' }, true, now);
          else if (isFinal(row.status) && row.log?.archived === false)
            tx.put('instances', { ...row, log: null });
        }
      }
    });
    link.settled = true;
    link.settledMs = ports.clock.monoMs();
    this.#context.poke(mine);
  }

  /** Reports that need nothing from the store: applied within the turn in which they arrive. */
  #isLight(items: readonly AttemptFact[]): boolean {
    return items.every(
      (item) => !item.inlineLog && this.#context.state.tables.instances.get(item.instance) !== undefined,
    );
  }

  #report(items: readonly AttemptFact[], archived: ReadonlySet<string>): void {
    const { state, ports, links } = this.#context;
    const now = ports.clock.wallMs();
    const answers: HeadFrame[] = [];
    const unknown = new Map((links.unknown.get(this.#workerId) ?? []).map((each) => [each.instance, each]));
    const settled: string[] = [];
    state.transact(workerActor(this.#workerId), (tx) => {
      for (const item of items) {
        const ref = { instance: item.instance, attempt: item.attempt };
        const verdict = observeFact(tx, this.#workerId, item, archived.has(item.instance), now);
        unknown.delete(item.instance);
        if (verdict === 'known') {
          if (item.phase === 'RELEASED') settled.push(item.instance);
        } else if (verdict === 'unknown') {
          unknown.set(item.instance, ref);
          answers.push({ type: 'unknown', ...ref });
        } else if (item.phase === 'RELEASED') {
          answers.push({ type: 'forget', ...ref });
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
    links.unknown.set(this.#workerId, [...unknown.values()]);
    if (answers.length > 0) this.#send(...answers);
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
