/**
 * A TCP proxy that does badly what a network does badly: late, uneven, wrong, cut or not at all. Faults are set and taken
 * back while connections are open. Within a connection bytes keep their order, as TCP would have them.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export interface ProxyFaults {
  /** How late bytes arrive, in milliseconds, in both directions. */
  delayMs: number;
  /** The delay varies by so much to either side. */
  jitterMs: number;
  /** Chance that a chunk from the client, or from the target, gets one wrong bit. */
  corruption: number;
  /** Bytes are taken and kept; nobody is told. Those kept go on when it is over. */
  isFrozen: boolean;
  /** New connections are reset. */
  refuses: boolean;
  /** The next connection on which the target replies is cut at the first byte of that reply, which is lost. Counts down. */
  losesReplies: number;
}

export const NO_FAULTS: Readonly<ProxyFaults> = {
  delayMs: 0,
  jitterMs: 0,
  corruption: 0,
  isFrozen: false,
  refuses: false,
  losesReplies: 0,
};

export interface ProxyOptions {
  /** Where it listens; port 0: any. */
  readonly host: string;
  readonly port: number;
  readonly target: { readonly host: string; readonly port: number };
  /** In [0, 1). */
  readonly random: () => number;
}

/** What may wait on one way of a connection before its source is paused. */
const MOST_WAITING_BYTES = 1024 * 1024;
const FROZEN_LOOK_MS = 20;

export class FaultyProxy {
  faults: ProxyFaults = { ...NO_FAULTS };
  /** May be changed: new connections go there. */
  target: ProxyOptions['target'];
  readonly counts = { connections: 0, corrupted: 0, repliesLost: 0 };
  readonly #random: () => number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(options: ProxyOptions) {
    this.target = options.target;
    this.#random = options.random;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  static async start(options: ProxyOptions): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(options.port, options.host, resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Back to a good network. Connections stay. */
  heal(): void {
    this.faults = { ...NO_FAULTS };
  }

  /** Resets all open connections. */
  cut(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    this.counts.connections += 1;
    if (this.faults.refuses) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const target = dial({ ...this.target, allowHalfOpen: true });
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      socket.setNoDelay(true);
      this.#open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', (hadError) => {
        this.#open.delete(socket);
        if (hadError) other.destroy();
      });
    }
    this.#forward(client, target, false);
    this.#forward(target, client, true);
  }

  #forward(from: Socket, to: Socket, isReply: boolean): void {
    const line = new DelayLine(to, from, () => this.faults.isFrozen);
    from.on('data', (chunk: Buffer) => {
      if (isReply && this.faults.losesReplies > 0) {
        this.faults.losesReplies -= 1;
        this.counts.repliesLost += 1;
        from.destroy();
        to.resetAndDestroy();
        return;
      }
      line.push(this.#corrupt(chunk), this.#lateness());
    });
    from.on('end', () => line.push(null, this.#lateness()));
    from.on('close', () => line.push(null, 0));
  }

  #lateness(): number {
    const { delayMs, jitterMs } = this.faults;
    return delayMs === 0 && jitterMs === 0 ? 0 : Math.max(0, delayMs + (this.#random() * 2 - 1) * jitterMs);
  }

  #corrupt(chunk: Buffer): Buffer {
    if (this.faults.corruption === 0 || this.#random() >= this.faults.corruption) return chunk;
    this.counts.corrupted += 1;
    const wrong = Buffer.from(chunk);
    const at = Math.floor(this.#random() * wrong.length);
    wrong[at] = (wrong[at] ?? 0) ^ (1 << Math.floor(this.#random() * 8));
    return wrong;
  }
}

/** One way of a connection: chunks in their order, each not before it is due. Null stands for the end. */
class DelayLine {
  readonly #to: Socket;
  readonly #from: Socket;
  readonly #isFrozen: () => boolean;
  readonly #waiting: { readonly chunk: Buffer | null; readonly dueMs: number }[] = [];
  #bytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(to: Socket, from: Socket, isFrozen: () => boolean) {
    this.#to = to;
    this.#from = from;
    this.#isFrozen = isFrozen;
    to.on('drain', () => this.#resume());
  }

  push(chunk: Buffer | null, lateMs: number): void {
    // Never before the one ahead of it.
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + lateMs);
    this.#waiting.push({ chunk, dueMs: this.#lastDueMs });
    this.#bytes += chunk?.length ?? 0;
    if (this.#bytes > MOST_WAITING_BYTES) this.#from.pause();
    this.#flush();
  }

  #flush(): void {
    if (this.#timer !== null) return;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      const waitMs = this.#isFrozen() ? FROZEN_LOOK_MS : next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.#flush();
        }, waitMs);
        return;
      }
      this.#waiting.shift();
      this.#send(next.chunk);
    }
  }

  #send(chunk: Buffer | null): void {
    if (this.#to.destroyed || this.#to.writableEnded) return;
    if (chunk === null) {
      this.#to.end();
      return;
    }
    this.#bytes -= chunk.length;
    if (this.#to.write(chunk)) this.#resume();
    else this.#from.pause();
  }

  #resume(): void {
    if (this.#bytes <= MOST_WAITING_BYTES && !this.#from.destroyed) this.#from.resume();
  }
}
