/**
 * All that the agent needs from outside: a clock, the machine that it is on, and a link to a head. The agent decides;
 * these do. Everything here can be virtual.
 */
import type { ExitFact, StartOrder, WorkerMessage } from '@drover/core/wire';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  wallMs(): number;
  /** Counted from the start of the machine, so that two processes of one worker agree. Stands while it sleeps. */
  monoMs(): number;
  after(delayMs: number, fn: () => void): Timer;
  /** Calls back when what has happened by now has been told to whom it concerns. */
  defer(fn: () => void): void;
}

/** Names one attempt everywhere in the worker. */
export interface AttemptKey {
  readonly instance: string;
  readonly attempt: number;
}

/** What is on disk of an attempt, and what is true of its processes now. */
export interface FoundAttempt extends AttemptKey {
  readonly order: StartOrder;
  /** The port that was chosen for it; null when none was chosen yet. */
  readonly port: number | null;
  readonly pid: number | null;
  readonly startedAtMs: number | null;
  /**
   * preparing: recorded, and its shim never began. running: the shim lives. ended: the shim wrote an exit record, or
   * is gone without one (then `exit.code` is null and `exit.reason` says SUPERVISOR_LOST). Members of the group may
   * live on in every case: ask `isEmpty`.
   */
  readonly state: 'preparing' | 'running' | 'ended';
  readonly exit: Omit<ExitFact, 'stopped'> | null;
  /** A stop had been asked for (see `noteStop`), with the wall time of its first signal; else null. */
  readonly stop: StopNote | null;
}

export interface StopNote {
  readonly atMs: number;
  readonly graceMs: number;
  /** Why, when it is not the head that asks. */
  readonly reason?: { readonly code: string; readonly message: string };
}

export interface Started {
  readonly pid: number;
  readonly port: number;
  readonly startedAtMs: number;
}

/** A start that failed for good. `code` is one of the reason codes of docs/reasons.md. */
export class LaunchError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'LaunchError';
    this.code = code;
  }
}

export interface Machine {
  /**
   * Every attempt that left a trace. A damaged record is set aside with a message, and its attempt is listed with what its
   * other files, its cgroup and its processes tell.
   * From then on the ends of those that run are told to `onEnd`.
   */
  scan(): Promise<FoundAttempt[]>;
  /**
   * Records the order, takes a port, makes the cgroup and starts the shim. Resolves when the shim has begun.
   * An attempt whose folder has begun already is never begun twice: then it resolves with what is there.
   * @throws {LaunchError}
   */
  launch(order: StartOrder): Promise<Started>;
  /**
   * Makes sure that a recorded attempt that has not begun never will, and removes it. False: it has begun, so `launch`
   * tells what is there.
   */
  withdraw(key: AttemptKey): Promise<boolean>;
  /** Called once for each attempt that was launched or found running, when its command has ended. */
  onEnd(listener: (key: AttemptKey, exit: Omit<ExitFact, 'stopped'>) => void): void;
  /** Records on disk that a stop began, so that a worker that restarts goes on with it. */
  noteStop(key: AttemptKey, note: StopNote): Promise<void>;
  /** Signals all members: the group, the cgroup, and descendants in sessions of their own. The shim is spared. */
  signal(key: AttemptKey, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** True when no process of the attempt lives. */
  isEmpty(key: AttemptKey): Promise<boolean>;
  /** True when, with all processes gone, its port is unbound and its GPUs hold no memory of it. */
  isReleased(key: AttemptKey): Promise<boolean>;
  /** Gives the port back to its slice, removes the cgroup. The record and the log stay. */
  release(key: AttemptKey): Promise<void>;
  /** Removes the folder of the attempt. */
  remove(key: AttemptKey): Promise<void>;
  logExtent(key: AttemptKey): Promise<{ available: number; size: number }>;
  /**
   * At most `limit` bytes from `offset`; fewer at the end.
   * @throws {RangeError} when bytes from `offset` on were trimmed
   */
  readLog(key: AttemptKey, offset: number, limit: number): Promise<Uint8Array>;
  /** Calls `listener` soon after the log may have grown; with no promise of one call per write. */
  watchLog(key: AttemptKey, listener: () => void): { close(): void };
}

/** Tells work that is under way that it is to end. */
export interface StopSignal {
  readonly isStopped: boolean;
  /** Calls back once, at once when it is stopped already. @returns the way to be called no more */
  onStop(fn: () => void): () => void;
}

/** The homes of nodes: folders that outlive instances, with the files that people have sent for them. */
export interface Homes {
  /**
   * Makes the home of the order and lays out its files; what is there already is left alone. While the head is away it
   * waits, until it is stopped.
   * @throws {LaunchError} FILES_UNAVAILABLE, MOUNT_REFUSED; anything when it was stopped
   */
  prepare(order: StartOrder, stop: StopSignal): Promise<void>;
  /** Removes the home and what was linked to it. None is no error. @throws {LaunchError} HOME_NOT_REMOVED */
  remove(home: string): Promise<void>;
}

/** The worker's side of the link, reconnecting for ever. */
export interface LinkPort {
  /** False: the link is closed and the message was dropped. */
  send(message: WorkerMessage): boolean;
  /** Closes this connection; the transport dials again with back-off and jitter. */
  reset(why: string): void;
}

/** What must be remembered across restarts, written atomically. */
export interface Memory {
  readonly herd: string | null;
  readonly epoch: number;
  /** The highest revision of that herd's state; on disk it may be behind by some seconds. */
  readonly rev: number;
}

export interface Logger {
  /** Absent: such lines are not wanted. */
  debug?(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** A log stream as it is dialled to the head: the extent at the moment of opening, then bytes from `offset`. */
export interface LogStream {
  readonly ticket: string;
  readonly offset: number;
  readonly available: number;
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface AgentPorts {
  readonly clock: Clock;
  readonly machine: Machine;
  /** None: orders with a home are refused. */
  readonly homes?: Homes;
  readonly log: Logger;
  /** Standard base64. */
  readonly toBase64: (bytes: Uint8Array) => string;
  /** Resolves when it is on disk. */
  readonly remember: (memory: Memory) => Promise<void>;
  /**
   * Keeps the moment of the last contact with a head, by the monotonic clock of the machine, where the next process of
   * this worker finds it while the machine is up. Best effort: called at each answered ping while something needs it.
   */
  readonly noteContact: (monoMs: number) => void;
  /** Dials a bulk stream of its own and sends until the bytes end. A failure concerns this stream only. */
  readonly dialLog: (stream: LogStream) => Promise<void>;
}
