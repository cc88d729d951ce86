/**
 * The worker's decisions: what to do with an order, what to tell the head. It holds no resource itself.
 *
 * Fences: a message of another herd, or of an epoch lower than one that was seen, is refused and counted. An attempt is
 * started once; what is already here is told again instead.
 */
import { hash53 } from '@drover/core';
import type { AttemptFact, HeadFrame, HeadMessage, Offer, WorkerFrame } from '@drover/core/wire';
import { Attempt } from './attempt.ts';
import { FACTS_PER_MESSAGE, LAUNCHES_AT_ONCE } from './limits.ts';
import { readLogFrom } from './log-stream.ts';
import type { AgentPorts, AttemptKey, LinkPort, Memory, Timer } from './ports.ts';
import { digestLine, LINK_PROTOCOL } from './protocol.ts';

export interface AgentOptions {
  readonly session: string;
  readonly bootId: string;
  readonly offer: Offer;
  readonly memory: Memory;
}

const tagOf = (key: AttemptKey): string => `${key.instance}/${key.attempt}`;

export class Agent {
  readonly #ports: AgentPorts;
  readonly #options: AgentOptions;
  readonly #attempts = new Map<string, Attempt>();
  readonly #untold = new Set<string>();
  readonly #launchQueue: Attempt[] = [];
  readonly #progressListeners = new Set<() => void>();
  #launching = 0;
  #launchDue = false;
  #memory: Memory;
  #link: LinkPort | null = null;
  #welcomed = false;
  #flushing = false;
  #pingTimer: Timer | null = null;
  #answeredMs = 0;
  #chain: Promise<void> = Promise.resolve();
  #resolveWelcome: () => void = () => undefined;
  readonly #firstWelcome = new Promise<void>((resolve) => {
    this.#resolveWelcome = resolve;
  });
  refusedFrames = 0;

  constructor(ports: AgentPorts, options: AgentOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#memory = options.memory;
  }

  /** Takes up everything that an earlier process left. Before any link. */
  async start(): Promise<void> {
    this.#ports.machine.onEnd((key, exit) => this.#attempts.get(tagOf(key))?.ended(exit));
    for (const found of await this.#ports.machine.scan()) {
      const attempt = this.#add(found, found.order);
      await attempt.adopt(found);
      if (found.state === 'preparing') this.#launchQueue.push(attempt);
    }
    this.#launchMore();
  }

  #add(key: AttemptKey, order: Attempt['order']): Attempt {
    const tag = tagOf(key);
    const attempt = new Attempt(this.#ports, key, order, () => this.#tell(tag));
    this.#attempts.set(tag, attempt);
    return attempt;
  }

  /** A link is open: say who this is and what is here. */
  opened(link: LinkPort): void {
    this.#link = link;
    this.#welcomed = false;
    const { session, bootId, offer } = this.#options;
    this.#send({
      type: 'hello',
      protocol: LINK_PROTOCOL,
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
    this.#pingTimer?.cancel();
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

  /** A checked message of the head. Messages take effect in order. */
  receive(message: HeadMessage): void {
    this.#chain = this.#chain
      .then(() => this.#take(message))
      .catch((err: unknown) =>
        this.#ports.log.error({ err }, 'a message of the head could not be carried out'),
      );
  }

  async #take(message: HeadMessage): Promise<void> {
    const { herd, epoch } = this.#memory;
    if ((herd !== null && message.herd !== herd) || message.epoch < epoch) {
      this.refusedFrames += message.frames.length;
      this.#ports.log.warn(
        { herd: message.herd, epoch: message.epoch, seen: epoch },
        'a message of another herd or of an older head is refused',
      );
      this.#link?.reset(message.herd !== herd ? 'another herd' : 'an older epoch');
      return;
    }
    if (herd === null || message.epoch > epoch) {
      this.#memory = { herd: message.herd, epoch: message.epoch };
      await this.#ports.remember(this.#memory);
    }
    for (const frame of message.frames) this.#obey(frame);
  }

  #obey(frame: HeadFrame): void {
    if (frame.type === 'welcome') this.#welcome(frame);
    else if (frame.type === 'start') this.#start(frame.order);
    else if (frame.type === 'stop') this.#stop(frame, frame.graceMs);
    else if (frame.type === 'forget') this.#forget(frame);
    else if (frame.type === 'sendLog') this.#sendLog(frame);
    else if (frame.type === 'pong') this.#answeredMs = Math.max(this.#answeredMs, frame.sentMs);
    else this.#noteUnknown(frame);
  }

  #noteUnknown({ instance, attempt }: AttemptKey): void {
    this.#ports.log.warn({ instance, attempt }, 'the head does not know this attempt; it is kept');
  }

  #welcome(frame: Extract<HeadFrame, { type: 'welcome' }>): void {
    this.#welcomed = true;
    this.#resolveWelcome();
    this.#answeredMs = this.#ports.clock.monoMs();
    if (frame.sendInventory) {
      const items = [...this.#attempts.values()].map((attempt) => attempt.fact());
      this.#untold.clear();
      this.#send({ type: 'inventory', items });
    } else {
      this.#flush();
    }
    this.#ping(frame.pingMs, frame.leaseMs);
  }

  /** Only an answered ping counts: a link that sends and hears nothing is no link. */
  #ping(pingMs: number, leaseMs: number): void {
    const { clock } = this.#ports;
    this.#pingTimer?.cancel();
    this.#pingTimer = clock.after(pingMs, () => {
      const now = clock.monoMs();
      if (now - this.#answeredMs > leaseMs) {
        this.#link?.reset('the head does not answer');
        return;
      }
      this.#send({ type: 'ping', sentMs: now });
      this.#ping(pingMs, leaseMs);
    });
  }

  #start(order: NonNullable<Attempt['order']>): void {
    const known = this.#attempts.get(tagOf(order));
    if (known) {
      this.#tell(tagOf(order));
      return;
    }
    this.#launchQueue.push(this.#add(order, order));
    this.#launchMore();
  }

  /** A few starts in a turn; ends, messages and pings that came meanwhile go before the next few. */
  #launchMore(): void {
    if (this.#launchDue || this.#launching >= LAUNCHES_AT_ONCE || this.#launchQueue.length === 0) return;
    this.#launchDue = true;
    this.#ports.clock.defer(() => {
      this.#launchDue = false;
      this.#flush();
      while (this.#launching < LAUNCHES_AT_ONCE) {
        const attempt = this.#launchQueue.shift();
        if (!attempt) return;
        this.#launch(attempt);
      }
    });
  }

  #launch(attempt: Attempt): void {
    this.#launching += 1;
    attempt
      .launch()
      .catch((err: unknown) => this.#ports.log.error({ ...attempt.key, err }, 'a start went wrong'))
      .finally(() => {
        this.#launching -= 1;
        this.#launchMore();
      })
      .catch(() => undefined);
  }

  #stop(key: AttemptKey, graceMs: number): void {
    const attempt = this.#attempts.get(tagOf(key));
    if (!attempt) {
      this.#add(key, null).refuse();
      return;
    }
    if (attempt.phase === 'RELEASED') this.#tell(tagOf(key));
    attempt
      .stop(graceMs)
      .catch((err: unknown) => this.#ports.log.error({ ...attempt.key, err }, 'could not stop'));
  }

  #forget(key: AttemptKey): void {
    const tag = tagOf(key);
    if (this.#attempts.get(tag)?.phase !== 'RELEASED') return;
    this.#attempts.delete(tag);
    this.#untold.delete(tag);
    this.#ports.machine
      .remove({ instance: key.instance, attempt: key.attempt })
      .catch((err: unknown) => this.#ports.log.warn({ tag, err }, 'could not remove a record'));
  }

  #sendLog(frame: Extract<HeadFrame, { type: 'sendLog' }>): void {
    const key = { instance: frame.instance, attempt: frame.attempt };
    this.#openLog(key, frame).catch((err: unknown) =>
      this.#ports.log.info({ ...key, err }, 'a log stream ended early'),
    );
  }

  async #openLog(key: AttemptKey, frame: Extract<HeadFrame, { type: 'sendLog' }>): Promise<void> {
    const attempt = this.#attempts.get(tagOf(key));
    // No dial for what is not here: the one who asked is told so when the ticket expires.
    if (!attempt) return;
    const { machine } = this.#ports;
    const { available, size } =
      attempt.order === null ? { available: 0, size: 0 } : await machine.logExtent(key);
    const wanted = frame.offset < 0 ? size + frame.offset : frame.offset;
    const offset = Math.min(Math.max(wanted, available), frame.follow ? Math.max(wanted, available) : size);
    const bytes = readLogFrom({
      machine,
      key,
      offset,
      limit: frame.limit ?? Number.POSITIVE_INFINITY,
      follow: frame.follow,
      isComplete: () => attempt.phase === 'RELEASED',
      onProgress: (listener) => {
        this.#progressListeners.add(listener);
        return () => this.#progressListeners.delete(listener);
      },
    });
    await this.#ports.dialLog({ ticket: frame.ticket, offset, available, size, bytes });
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
      if (!this.#launchDue) this.#flush();
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
    for (let at = 0; at < items.length; at += FACTS_PER_MESSAGE)
      this.#send({ type: 'report', items: items.slice(at, at + FACTS_PER_MESSAGE) });
  }

  #send(frame: WorkerFrame): void {
    this.#link?.send({ herd: this.#memory.herd, epoch: this.#memory.epoch, frames: [frame] });
  }
}
