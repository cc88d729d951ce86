/**
 * The worker's decisions: what to do with an order, what to tell the head. It holds no resource itself.
 *
 * Fences: a message of another herd, or of an epoch lower than one that was seen, is refused and counted. An attempt is
 * started once; what is already here is told again instead.
 */
import { hash53 } from '@drover/core';
import type { AttemptFact, HeadFrame, HeadMessage, Offer, WorkerFrame } from '@drover/core/wire';
import { Attempt } from './attempt.ts';
import { asInventory, inMessages } from './facts.ts';
import { Fences } from './fences.ts';
import { Lease } from './lease.ts';
import { UNKNOWN_KEPT_MS } from './limits.ts';
import { LinkWatch } from './link-watch.ts';
import { streamOf } from './log-stream.ts';
import { LostHead } from './lost-head.ts';
import { untilItWorks } from './persist.ts';
import type { AgentPorts, AttemptKey, LinkPort, Memory, StopNote } from './ports.ts';
import { digestLine, LINK_PROTOCOL, OLDEST_LINK_PROTOCOL } from './protocol.ts';
import { Starts } from './starts.ts';

export interface AgentOptions {
  readonly session: string;
  readonly bootId: string;
  readonly offer: Offer;
  readonly memory: Memory;
  /** The last contact that an earlier process noted on this boot of the machine, see `noteContact`; else null. */
  readonly contactMs: number | null;
}

const tagOf = (key: AttemptKey): string => `${key.instance}/${key.attempt}`;

export class Agent {
  readonly #ports: AgentPorts;
  readonly #options: AgentOptions;
  readonly #attempts = new Map<string, Attempt>();
  /** The highest attempt of each instance that is here. */
  readonly #newest = new Map<string, AttemptKey>();
  readonly #untold = new Set<string>();
  readonly #starts: Starts;
  readonly #watch: LinkWatch;
  readonly #lease: Lease;
  readonly #lostHead: LostHead;
  readonly #progressListeners = new Set<() => void>();
  readonly #fences: Fences;
  #link: LinkPort | null = null;
  /** A message could not be carried out, so none after it may be: the next inventory mends it. */
  #broken = false;
  #helloMs = 0;
  #speaks: number = LINK_PROTOCOL;
  /** The newest ping of this link that was answered. */
  #answeredPing: number | null = null;
  #welcomed = false;
  #isSettled = false;
  #flushing = false;
  #chain: Promise<void> = Promise.resolve();
  #resolveWelcome: () => void = () => undefined;
  readonly #firstWelcome = new Promise<void>((resolve) => {
    this.#resolveWelcome = resolve;
  });

  constructor(ports: AgentPorts, options: AgentOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#fences = new Fences(ports, options.memory, () => this.#starts.resume());
    this.#lease = new Lease(ports.clock);
    this.#lostHead = new LostHead(ports.clock, options.contactMs, ports.noteContact);
    this.#starts = new Starts(ports, {
      beforeStarts: () => this.#flush(),
      mayStart: () => this.#lease.isValid && this.#fences.isSaved,
      withdraw: (attempt) => this.#withdraw(attempt, 0),
    });
    this.#watch = new LinkWatch(ports.clock);
  }

  /** Takes up everything that an earlier process left. Before any link. */
  async start(): Promise<void> {
    // A scan takes its time: what it has found running may end before it is done, and an end is told once.
    const early = new Map<string, Parameters<Attempt['ended']>[0]>();
    this.#ports.machine.onEnd((key, exit) => {
      const attempt = this.#attempts.get(tagOf(key));
      if (attempt) attempt.ended(exit);
      else early.set(tagOf(key), exit);
    });
    for (const found of await this.#ports.machine.scan()) {
      const attempt = this.#add(found, found.order);
      attempt.adopt(found);
      const end = early.get(tagOf(found));
      if (end && found.state === 'running') attempt.ended(end);
      if (found.state !== 'preparing') continue;
      if (found.stop) await this.#withdraw(attempt, found.stop.graceMs);
      else this.#starts.add(attempt);
    }
  }

  #add(key: AttemptKey, order: Attempt['order']): Attempt {
    const tag = tagOf(key);
    const attempt = new Attempt(this.#ports, key, order, () => this.#tell(tag));
    this.#attempts.set(tag, attempt);
    if (key.attempt >= (this.#newest.get(key.instance)?.attempt ?? 0))
      this.#newest.set(key.instance, attempt.key);
    const stopAfterMs = order?.stopAfterMs;
    if (order && stopAfterMs != null)
      this.#lostHead.watch(tag, {
        afterMs: stopAfterMs,
        stop: (silentMs) => this.#stopForLostHead(attempt, order.graceMs, silentMs),
      });
    return attempt;
  }

  #stopForLostHead(attempt: Attempt, graceMs: number, silentMs: number): void {
    if (attempt.phase === 'RELEASED') return;
    const words = `no head had answered its worker for ${Math.round(silentMs / 1000)} s; onWorkerLost is "stop"`;
    this.#ports.log.warn({ ...attempt.key, silentMs }, 'an instance is stopped because no head answers');
    this.#stop(attempt.key, graceMs, { code: 'HEAD_LOST', message: words });
  }

  /**
   * The head has refused the hello. One that knows only one protocol refuses a newer one, so the other is offered next
   * time, by turns.
   */
  offerOther(): void {
    this.#speaks = this.#speaks === LINK_PROTOCOL ? OLDEST_LINK_PROTOCOL : LINK_PROTOCOL;
  }

  /** A link is open: say who this is and what is here. */
  opened(link: LinkPort): void {
    this.#link = link;
    this.#broken = false;
    this.#welcomed = false;
    this.#isSettled = false;
    this.#fences.reset();
    this.#answeredPing = null;
    this.#helloMs = this.#ports.clock.monoMs();
    this.#watch.untilWelcome((why) => link.reset(why));
    const { session, bootId, offer } = this.#options;
    this.#send({
      type: 'hello',
      protocol: this.#speaks,
      oldest: OLDEST_LINK_PROTOCOL,
      session,
      bootId,
      offer,
      digest: this.#digest(),
      wallMs: this.#ports.clock.wallMs(),
    });
  }

  closed(): void {
    this.#link = null;
    this.#welcomed = false;
    this.#watch.stop();
  }

  get isWelcome(): boolean {
    return this.#welcomed;
  }

  /** Resolves when a head has welcomed this worker: it shows it ONLINE then. */
  get welcomed(): Promise<void> {
    return this.#firstWelcome;
  }

  get running(): number {
    let count = 0;
    for (const attempt of this.#attempts.values()) if (attempt.phase !== 'RELEASED') count += 1;
    return count;
  }

  /** Frames that were not obeyed because of their fences. */
  get refusedFrames(): number {
    return this.#fences.refusedFrames;
  }

  /** A checked message of the head. Messages take effect in order and once, or the link is dialled again. */
  receive(message: HeadMessage): void {
    const link = this.#link;
    const why = this.#fences.outOfTurn(message);
    if (why !== null) {
      if (why !== 'again') link?.reset(why);
      return;
    }
    // What is left of an earlier link says nothing on this one.
    this.#chain = this.#chain
      .then(() => (this.#broken || this.#link !== link ? undefined : this.#take(message)))
      .catch((err: unknown) => {
        this.#broken = true;
        this.#ports.log.warn({ err }, 'a message of the head could not be carried out');
        this.#link?.reset('a message could not be carried out');
      });
  }

  async #take(message: HeadMessage): Promise<void> {
    const why = this.#fences.foreign(message);
    if (why !== null) {
      const { herd, epoch } = message;
      this.#ports.log.warn({ herd, epoch, why }, 'a message of another herd or of an older head is refused');
      this.#link?.reset(why);
      return;
    }
    this.#fences.remember(message);
    for (const frame of message.frames) this.#obey(frame);
  }

  #obey(frame: HeadFrame): void {
    if (frame.type === 'welcome') this.#welcome(frame);
    else if (frame.type === 'start') this.#start(frame.order);
    else if (frame.type === 'stop') this.#stop(frame, frame.graceMs);
    else if (frame.type === 'forget') this.#forget(frame);
    else if (frame.type === 'sendLog') this.#sendLog(frame);
    else if (frame.type === 'pong') this.#answered(frame.sentMs);
    else if (frame.type === 'settled') this.#settled();
    else this.#noteUnknown(frame);
  }

  /** Kept, also by a head from an older copy; but the record of what ended long ago does not stay for ever. */
  #noteUnknown(key: AttemptKey): void {
    const ref = { instance: key.instance, attempt: key.attempt };
    const fact = this.#attempts.get(tagOf(key))?.fact();
    const endedMs = fact?.phase === 'RELEASED' ? fact.exit?.atMs : undefined;
    if (endedMs === undefined || this.#ports.clock.wallMs() - endedMs <= UNKNOWN_KEPT_MS) {
      this.#ports.log.warn(ref, 'the head does not know this attempt; it is kept');
      return;
    }
    const words =
      'the head does not know this attempt, which ended over 7 days ago; its record and log are removed';
    this.#ports.log.warn({ ...ref, endedMs }, words);
    this.#forget(key);
  }

  #answered(sentMs: number): void {
    this.#watch.answered(sentMs);
    this.#answeredPing = sentMs;
    this.#lostHead.contact(sentMs);
    // Before the head has judged what is here, it may still have something to say about what waits.
    if (!this.#isSettled) return;
    this.#lease.renew(sentMs);
    this.#starts.resume();
  }

  #settled(): void {
    this.#isSettled = true;
    this.#lease.begin(this.#helloMs);
    this.#starts.resume();
  }

  #welcome(frame: Extract<HeadFrame, { type: 'welcome' }>): void {
    this.#welcomed = true;
    this.#lease.lengthMs = frame.leaseMs;
    this.#lostHead.contact(this.#helloMs);
    this.#resolveWelcome();
    if (frame.sendInventory) this.#sendInventory();
    else this.#flush();
    this.#watch.welcomed({
      pingMs: frame.pingMs,
      leaseMs: frame.leaseMs,
      ping: (sentMs) =>
        this.#send({ type: 'ping', sentMs, answered: this.#answeredPing, refused: this.refusedFrames }),
      onSilence: (why) => this.#link?.reset(why),
    });
    // Protocol 1 never says that it has settled.
    if ((frame.protocol ?? 1) < 2) this.#settled();
  }

  /** Small logs go before it, in reports: what the head has by then it need not fetch. */
  #sendInventory(): void {
    const facts = [...this.#attempts.values()].map((attempt) => attempt.fact());
    this.#untold.clear();
    this.#report(facts.filter((fact) => fact.inlineLog !== null));
    this.#send({ type: 'inventory', items: asInventory(facts) });
  }

  #start(order: NonNullable<Attempt['order']>): void {
    const newest = this.#newest.get(order.instance);
    if (newest && newest.attempt > order.attempt) {
      this.#fences.refusedFrames += 1;
      this.#ports.log.warn(
        { ...newest, ordered: order.attempt },
        'an older attempt is not begun after a newer one',
      );
      // Whoever orders it does not know of the newer one.
      this.#tell(tagOf(newest));
      return;
    }
    const known = this.#attempts.get(tagOf(order));
    if (known) {
      this.#tell(tagOf(order));
      return;
    }
    this.#starts.add(this.#add(order, order));
  }

  #stop(key: AttemptKey, graceMs: number, reason?: StopNote['reason']): void {
    const attempt = this.#attempts.get(tagOf(key));
    if (!attempt) {
      this.#add(key, null).refuse();
      return;
    }
    if (attempt.phase === 'RELEASED') this.#tell(tagOf(key));
    if (!this.#starts.takeOut(attempt)) {
      attempt.stop(graceMs, reason);
      return;
    }
    this.#withdraw(attempt, graceMs).catch((err: unknown) =>
      this.#ports.log.error({ ...attempt.key, err }, 'could not stop'),
    );
  }

  async #withdraw(attempt: Attempt, graceMs: number): Promise<void> {
    // An earlier process had begun it after all: it is taken up as any start, and stopped.
    if (!(await attempt.withdraw(graceMs))) this.#starts.takeUp(attempt);
  }

  #forget(key: AttemptKey): void {
    const tag = tagOf(key);
    if (this.#attempts.get(tag)?.phase !== 'RELEASED') return;
    this.#attempts.delete(tag);
    if (this.#newest.get(key.instance)?.attempt === key.attempt) this.#newest.delete(key.instance);
    this.#lostHead.unwatch(tag);
    this.#untold.delete(tag);
    const { clock, machine, log } = this.#ports;
    untilItWorks(
      clock,
      () => machine.remove({ instance: key.instance, attempt: key.attempt }),
      (err) => log.warn({ tag, err }, 'could not remove a record; trying again'),
    ).catch(() => undefined);
  }

  #sendLog(frame: Extract<HeadFrame, { type: 'sendLog' }>): void {
    const key = { instance: frame.instance, attempt: frame.attempt };
    this.#openLog(key, frame).catch((err: unknown) =>
      this.#ports.log.info({ ...key, err }, 'a log stream ended early'),
    );
  }

  async #openLog(key: AttemptKey, frame: Extract<HeadFrame, { type: 'sendLog' }>): Promise<void> {
    const attempt = this.#attempts.get(tagOf(key));
    const { machine } = this.#ports;
    const { available, size } =
      !attempt || attempt.order === null ? { available: 0, size: 0 } : await machine.logExtent(key);
    // Not here, or let go of while it was being measured: whoever asked looks in the archive.
    if (!attempt || this.#attempts.get(tagOf(key)) !== attempt) {
      this.#send({ type: 'noLog', ticket: frame.ticket });
      return;
    }
    const stream = streamOf(
      frame,
      { available, size },
      {
        machine,
        key,
        isComplete: () => attempt.phase === 'RELEASED',
        onProgress: (listener) => {
          this.#progressListeners.add(listener);
          return () => this.#progressListeners.delete(listener);
        },
      },
    );
    await this.#ports.dialLog(stream);
  }

  #digest(): number {
    const lines = [...this.#attempts.values()].map((attempt) => digestLine(attempt.fact()));
    return hash53(lines.sort().join('\n'));
  }

  /** There is something new about one attempt: it is told soon, with what else there is. */
  #tell(tag: string): void {
    this.#untold.add(tag);
    for (const listener of this.#progressListeners) listener();
    if (this.#flushing || !this.#welcomed) return;
    this.#flushing = true;
    this.#ports.clock.defer(() => {
      this.#flushing = false;
      // Else it goes with what the next turn has to tell: a message costs the head a commit.
      if (!this.#starts.isDue) this.#flush();
    });
  }

  #flush(): void {
    if (!this.#welcomed || this.#untold.size === 0) return;
    const items: AttemptFact[] = [];
    for (const tag of this.#untold) {
      const attempt = this.#attempts.get(tag);
      if (attempt) items.push(attempt.fact());
    }
    this.#untold.clear();
    this.#report(items);
  }

  #report(facts: readonly AttemptFact[]): void {
    for (const items of inMessages(facts)) this.#send({ type: 'report', items });
  }

  #send(frame: WorkerFrame): void {
    this.#link?.send({ ...this.#fences.next(), frames: [frame] });
  }
}
