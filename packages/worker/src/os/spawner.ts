/**
 * One small process (`drover-shim --serve`) that forks shims: a fork of this process would copy the page tables of all of
 * Node, which costs a millisecond. It holds no state that matters. When it dies, what it forked goes on, orders without a
 * reply fail as `SpawnerLost` (they may have been carried out), and the next order starts another.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { getSystemErrorName } from 'node:util';
import { LaunchError } from '../agent/ports.ts';

/** What is told of a shim that was started. */
export interface ShimEvents {
  /** The command has ended, and descendants of it live on; so does the shim. */
  exited(): void;
  gone(status: number | null): void;
  /** Nobody will tell of it any more. */
  orphaned(): void;
}

/** Whether a shim was started is not known. */
export class SpawnerLost extends Error {}

interface Order {
  readonly events: ShimEvents;
  started(pid: number): void;
  failed(error: Error): void;
}

/** A reply takes a fraction of a millisecond; a spawner that was stopped never gives one. */
const REPLY_MS = 10_000;
/** The kernel takes no longer argument or variable. */
const LONGEST_STRING = 128 * 1024;
/** Room in its own arguments and environment for those that a shim shows of itself. */
const ROOM = { words: 4096, variables: 16_384 };

export class Spawner {
  private readonly path: string;
  private process: Serving | null = null;
  private closed = false;

  /** @param path of the native shim */
  constructor(path: string) {
    this.path = path;
  }

  /**
   * Starts a shim with these words from DIR on. @returns its pid
   * @throws {LaunchError} when the system refuses it
   * @throws {SpawnerLost}
   */
  start(
    words: readonly string[],
    env: Record<string, string>,
    cwd: string,
    events: ShimEvents,
  ): Promise<number> {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    // Those by which a shim is known must find room among what it shows of itself.
    variables.sort((a, b) => Number(b.startsWith('DROVER_')) - Number(a.startsWith('DROVER_')));
    const strings = [cwd, ...words, ...variables];
    if (strings.some((text) => text.includes('\0')))
      return Promise.reject(refused('an argument contains NUL'));
    if (strings.some(isTooLong)) return Promise.reject(refused('an argument is too long'));
    if (this.closed) return Promise.reject(new SpawnerLost('closed'));
    if (this.process === null || this.process.isLost) this.process = new Serving(this.path);
    return this.process.order(strings, words.length, variables.length, events);
  }

  /** It ends; its shims go on. */
  close(): void {
    this.closed = true;
    this.process?.close();
  }
}

/** In bytes, of which a character takes three at most. */
const isTooLong = (text: string): boolean =>
  text.length * 3 >= LONGEST_STRING && Buffer.byteLength(text) >= LONGEST_STRING;

const refused = (why: string): LaunchError =>
  new LaunchError('START_FAILED', `the process could not be started: ${why}`);

/** One such process, until it dies. */
class Serving {
  isLost = false;
  private readonly child: ChildProcess;
  private readonly orders = new Map<number, Order>();
  private readonly shims = new Map<number, ShimEvents>();
  /** Whose command ended before the reply to its order was read. */
  private readonly early = new Set<number>();
  private lastOrder = 0;
  private unread = '';

  constructor(path: string) {
    // Of the environment only its length matters: each shim writes its own over it.
    this.child = spawn(path, ['--serve', ' '.repeat(ROOM.words)], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ROOM: ' '.repeat(ROOM.variables) },
      cwd: '/',
    });
    this.child.unref();
    for (const stream of [this.child.stdin, this.child.stdout]) {
      stream?.on('error', () => this.lose());
      if (stream !== null && 'unref' in stream) (stream as unknown as { unref(): void }).unref();
    }
    this.child.stdout?.setEncoding('latin1').on('data', (text: string) => this.read(text));
    this.child.once('error', () => this.lose());
    this.child.once('exit', () => this.lose());
  }

  order(strings: readonly string[], words: number, variables: number, events: ShimEvents): Promise<number> {
    const number = ++this.lastOrder;
    return new Promise<number>((resolve, reject) => {
      // After what may lie unread, should this process itself have been stopped.
      const late = () => setImmediate(() => this.orders.has(number) && this.lose());
      const timer = setTimeout(late, REPLY_MS);
      const settle = () => {
        clearTimeout(timer);
        this.orders.delete(number);
      };
      this.orders.set(number, {
        events,
        started(pid) {
          settle();
          resolve(pid);
        },
        failed(error) {
          settle();
          reject(error);
        },
      });
      const body = Buffer.from(`${strings.join('\0')}\0`);
      const head = Buffer.from(Uint32Array.of(body.length, number, words, variables).buffer);
      this.child.stdin?.write(Buffer.concat([head, body]));
    });
  }

  close(): void {
    this.child.stdin?.end();
  }

  private read(text: string): void {
    const lines = (this.unread + text).split('\n');
    this.unread = lines.pop() ?? '';
    for (const line of lines) {
      const [what, first, second] = line.split(' ');
      this.take(what ?? '', Number(first), Number(second));
    }
  }

  private take(what: string, first: number, second: number): void {
    if (what === 'S') {
      const order = this.orders.get(first);
      if (order === undefined) return;
      this.shims.set(second, order.events);
      order.started(second);
      if (this.early.delete(second)) order.events.exited();
    } else if (what === 'F') {
      this.orders.get(first)?.failed(refused(getSystemErrorName(-second)));
    } else if (what === 'E') {
      const shim = this.shims.get(first);
      if (shim === undefined) this.early.add(first);
      else shim.exited();
    } else if (what === 'G') {
      const shim = this.shims.get(first);
      this.shims.delete(first);
      shim?.gone(second);
    }
  }

  /** Its shims hold the other end of its socket, so only its own end tells that it has gone. */
  private lose(): void {
    if (this.isLost) return;
    this.isLost = true;
    this.child.kill('SIGKILL');
    for (const order of [...this.orders.values()])
      order.failed(new SpawnerLost('the spawner of shims has ended'));
    for (const shim of this.shims.values()) shim.orphaned();
    this.shims.clear();
  }
}
