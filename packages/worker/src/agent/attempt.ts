/**
 * One attempt on this worker, from the order to the moment when nothing is left of it.
 *
 * - PREPARING: the order waits, or its home is being made ready (a stop refuses it then), or it is being started. A stop
 *   that comes now waits for the start, and follows it at once.
 * - RUNNING: the command runs. Its own end, or a stop (SIGTERM, the grace period, SIGKILL until nobody is left).
 * - EXITED: the command has ended. Whoever it left behind is ended in the same way; then the port must be unbound and
 *   the device memory free. The end of a stopped attempt is told only when its last process has gone, and then waits
 *   up to {@link RELEASE_PATIENCE_MS} for the rest, so that "cancelled" means that nothing of it runs.
 * - RELEASED: only the record and the log are left, until the head has both.
 *
 * What fails on the way from EXITED to RELEASED is tried until it works; meanwhile the end is told without it.
 */
import type { AttemptFact, AttemptPhase, ExitFact, StartOrder } from '@drover/core/wire';
import { pause, untilItWorks } from './persist.ts';
import {
  type AgentPorts,
  type AttemptKey,
  type FoundAttempt,
  LaunchError,
  type StopNote,
  type Timer,
} from './ports.ts';
import { INLINE_LOG_BYTES } from './protocol.ts';
import { Stopper } from './stopper.ts';

const RELEASE_PATIENCE_MS = 5_000;
const POLL_MS = { first: 5, most: 500 } as const;
const KILL_AGAIN_MS = 1_000;
/** After so many failures an end is told without what could not be had. */
const FAILURES = 3;
/** Times of files are behind the clock by up to a tick of the kernel. */
const FILE_TIME_MS = 20;
/** What the schema of the link takes. */
const MOST_MESSAGE = 2_000;

type End = Omit<ExitFact, 'stopped'>;

export class Attempt {
  readonly key: AttemptKey;
  readonly order: StartOrder | null;
  readonly #ports: AgentPorts;
  readonly #changed: () => void;
  #phase: AttemptPhase = 'PREPARING';
  #pid: number | null = null;
  #port: number | null = null;
  #startedAtMs: number | null = null;
  #exit: ExitFact | null = null;
  #stop: StopNote | null = null;
  #killTimer: Timer | null = null;
  #log = { available: 0, size: 0 };
  #inlineLog: string | null = null;
  #launched = false;
  /** Its home is being made ready. */
  #preparing: Stopper | null = null;
  /** An earlier process of this worker recorded it. */
  #recorded = false;
  /** The first signal of a stop that met the command itself; not yet sent when sending failed. */
  #signalled: { readonly atMs: number; sent: boolean } | null = null;
  /** An end that was seen before its start was. */
  #earlyEnd: End | null = null;

  /** @param changed called when there is something new to tell. */
  constructor(ports: AgentPorts, key: AttemptKey, order: StartOrder | null, changed: () => void) {
    this.#ports = ports;
    this.key = { instance: key.instance, attempt: key.attempt };
    this.order = order;
    this.#changed = changed;
  }

  /** Its key in a line of the log, with the call that asked for it. */
  get #about(): AttemptKey & { readonly requestId?: string } {
    const requestId = this.order?.requestId;
    return { ...this.key, ...(requestId != null && { requestId }) };
  }

  get phase(): AttemptPhase {
    return this.#phase;
  }

  fact(): AttemptFact {
    return {
      ...this.key,
      phase: this.#phase,
      stopping: this.#stop !== null,
      pid: this.#pid,
      port: this.#port,
      startedAtMs: this.#startedAtMs,
      exit: this.#phase === 'EXITED' || this.#phase === 'RELEASED' ? this.#exit : null,
      log: this.#log,
      inlineLog: this.#inlineLog,
    };
  }

  /** True when `prepare` has something to do. */
  get hasHome(): boolean {
    return this.order?.home != null;
  }

  /**
   * Makes its home ready, or removes it if that is the order. Never throws.
   * @returns ready: it may be launched. stopped: a stop came first. ended: told as its end, with 0 for a home removed
   */
  async prepare(): Promise<'ready' | 'stopped' | 'ended'> {
    const { order } = this;
    if (this.#stop) return 'stopped';
    if (order?.home == null) return 'ready';
    const { homes, clock } = this.#ports;
    const stopper = new Stopper();
    this.#preparing = stopper;
    try {
      if (!homes) throw new LaunchError('START_FAILED', 'this worker keeps no homes');
      if (order.removeHome) await homes.remove(order.home);
      else await homes.prepare(order, stopper);
    } catch (error) {
      if (this.#stop) return 'stopped';
      this.#endAsFailed(error);
      return 'ended';
    } finally {
      this.#preparing = null;
    }
    if (!order.removeHome) return this.#stop ? 'stopped' : 'ready';
    this.#exit = { code: 0, signal: null, reason: null, atMs: clock.wallMs(), stopped: false };
    this.#phase = 'RELEASED';
    this.#changed();
    return 'ended';
  }

  /** Carries out the order. Never throws: a start that fails is an end with a reason. */
  async launch(): Promise<void> {
    if (!this.order) return;
    try {
      const started = await this.#ports.machine.launch(this.order);
      this.#launched = true;
      this.#pid = started.pid;
      this.#port = started.port;
      this.#startedAtMs = started.startedAtMs;
    } catch (error) {
      this.#endAsFailed(error);
      return;
    }
    this.#ports.log.debug?.({ ...this.#about }, 'an instance was started');
    if (this.#earlyEnd) return this.ended(this.#earlyEnd);
    this.#phase = 'RUNNING';
    this.#changed();
    if (!this.#stop) return;
    // The grace period begins with the signal.
    this.#stop = { ...this.#stop, atMs: this.#ports.clock.wallMs() };
    this.#beginStop(this.#stop);
  }

  /** A stop for something that never began here: told as its end, so that it cannot begin later. */
  refuse(): void {
    this.#stop ??= { atMs: this.#ports.clock.wallMs(), graceMs: 0 };
    this.#endWithoutStart({ code: 'NOT_STARTED', message: 'stopped before it was started' }, true);
  }

  /** A stop while it waits for its start. @returns false when it has begun all the same: `launch` takes it up */
  async withdraw(graceMs: number): Promise<boolean> {
    this.#stop ??= { atMs: this.#ports.clock.wallMs(), graceMs };
    if (this.#recorded) {
      this.#changed();
      try {
        if (!(await this.#ports.machine.withdraw(this.key))) return false;
      } catch (err) {
        this.#ports.log.warn({ ...this.key, err }, 'could not withdraw a start; it is started, then stopped');
        return false;
      }
    }
    this.refuse();
    return true;
  }

  #endAsFailed(error: unknown): void {
    const code = error instanceof LaunchError ? error.code : 'START_FAILED';
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof LaunchError)
      this.#ports.log.debug?.({ ...this.#about, code, why: message }, 'an instance could not be started');
    else this.#ports.log.error({ ...this.#about, err: error }, 'a start failed unexpectedly');
    this.#endWithoutStart({ code, message });
  }

  #endWithoutStart(reason: { code: string; message: string }, stopped = false): void {
    this.#exit = {
      code: null,
      signal: null,
      reason: { code: reason.code, message: reason.message.slice(0, MOST_MESSAGE) },
      atMs: this.#ports.clock.wallMs(),
      stopped,
    };
    this.#phase = 'RELEASED';
    this.#changed();
  }

  /** Takes up what an earlier process of this worker left. */
  adopt(found: FoundAttempt): void {
    this.#stop = found.stop;
    this.#pid = found.pid;
    this.#port = found.port;
    this.#startedAtMs = found.startedAtMs;
    this.#recorded = found.state === 'preparing';
    if (this.#recorded) return;
    this.#launched = true;
    if (found.stop) this.#signalled = { atMs: found.stop.atMs, sent: true };
    if (found.state === 'ended') {
      if (found.exit) this.ended(found.exit);
      return;
    }
    this.#phase = 'RUNNING';
    if (found.stop) this.#beginStop(found.stop);
  }

  /**
   * @param graceMs until SIGKILL; a stop under way is only ever shortened
   * @param reason why, when it is not the head that asks
   */
  stop(graceMs: number, reason?: StopNote['reason']): void {
    const now = this.#ports.clock.wallMs();
    if (this.#phase === 'RELEASED') return;
    if (this.#stop) {
      if (now + graceMs >= this.#stop.atMs + this.#stop.graceMs) return;
      this.#stop = { ...this.#stop, graceMs: Math.max(0, now + graceMs - this.#stop.atMs) };
    } else {
      this.#stop = { atMs: now, graceMs, ...(reason && { reason }) };
    }
    if (this.#launched) this.#beginStop(this.#stop);
    else this.#note(this.#stop);
    this.#preparing?.stop();
  }

  /** Whatever fails here: the kill timer runs, and a signal that could not be sent is sent again. */
  #beginStop(stop: StopNote): void {
    const { clock } = this.#ports;
    this.#changed();
    // A wall clock that was set back must not stretch the grace period.
    this.#killAfter(Math.min(stop.graceMs, Math.max(0, stop.atMs + stop.graceMs - clock.wallMs())));
    // On disk before the signal, so that a worker that restarts knows by whom it ended; but never waited for.
    this.#note(stop);
    const signalled = { atMs: clock.wallMs(), sent: true };
    if (!this.#exit) this.#signalled ??= signalled;
    this.#terminate(() => this.#stop === stop);
  }

  /** SIGTERM, until it could be sent or is no longer `wanted`. */
  #terminate(wanted: () => boolean): void {
    const { machine, clock } = this.#ports;
    const isDue = (): boolean => wanted() && this.#phase !== 'RELEASED';
    const signalled = this.#exit ? null : this.#signalled;
    untilItWorks(
      clock,
      async () => {
        if (!isDue()) return;
        if (signalled && !this.#exit) signalled.sent = true;
        await machine.signal(this.key, 'SIGTERM');
      },
      (err) => {
        if (signalled && !this.#exit) signalled.sent = false;
        this.#ports.log.warn({ ...this.key, err }, 'could not send SIGTERM; trying again');
      },
    ).catch(() => undefined);
  }

  /** Best effort: without the note a worker that restarts must be told again to stop. */
  #note(stop: StopNote): void {
    const { machine, clock } = this.#ports;
    untilItWorks(
      clock,
      async () => {
        if (this.#stop === stop && this.#phase !== 'RELEASED') await machine.noteStop(this.key, stop);
      },
      (err) => this.#ports.log.warn({ ...this.key, err }, 'could not note a stop; trying again'),
    ).catch(() => undefined);
  }

  #killAfter(delayMs: number): void {
    this.#killTimer?.cancel();
    this.#killTimer = this.#ports.clock.after(delayMs, () => {
      if (this.#phase === 'RELEASED') return;
      this.#ports.machine
        .signal(this.key, 'SIGKILL')
        .catch((err: unknown) => this.#ports.log.warn({ ...this.key, err }, 'could not kill; trying again'))
        .finally(() => this.#killAfter(KILL_AGAIN_MS))
        .catch(() => undefined);
    });
  }

  /** The command has ended. */
  ended(end: End): void {
    if (this.#exit) return;
    if (!this.#launched) {
      this.#earlyEnd = end;
      return;
    }
    const stopped = this.#endedByStop(end);
    this.#exit = { ...end, reason: end.reason ?? (stopped ? (this.#stop?.reason ?? null) : null), stopped };
    this.#finish().catch((err: unknown) =>
      this.#ports.log.error({ ...this.key, err }, 'could not finish an attempt'),
    );
  }

  /** Success that came before the signal, or without one, is what the command did by itself. */
  #endedByStop(end: End): boolean {
    if (!this.#signalled) return false;
    if (end.code !== 0) return true;
    return this.#signalled.sent && end.atMs >= this.#signalled.atMs - FILE_TIME_MS;
  }

  async #finish(): Promise<void> {
    const { machine, clock } = this.#ports;
    const byItself = !this.#exit?.stopped;
    const orphaned = this.#exit?.reason?.code === 'SUPERVISOR_LOST';
    // That a stopped attempt has ended is said only of one that is known to be empty.
    const isEmpty = () => this.#surely('is it empty', () => machine.isEmpty(this.key), byItself);
    if (!(await isEmpty())) {
      if (byItself) await this.#tellExited();
      if (!this.#killTimer) this.#endTheRest(orphaned ? 0 : ((this.#stop ?? this.order)?.graceMs ?? 0));
      await this.#until(isEmpty);
    }
    this.#killTimer?.cancel();
    const isReleased = () => this.#surely('is it released', () => machine.isReleased(this.key));
    if (!(await isReleased())) {
      if (byItself) await this.#tellExited();
      const patience = clock.after(RELEASE_PATIENCE_MS, () => {
        this.#tellExited().catch((err: unknown) =>
          this.#ports.log.error({ ...this.key, err }, 'could not tell an end'),
        );
      });
      await this.#until(isReleased);
      patience.cancel();
    }
    await this.#surely('release', () => machine.release(this.key));
    await this.#surely('the size of its log', () => this.#measureLog());
    this.#inlineLog = await this.#smallLog();
    this.#phase = 'RELEASED';
    this.#changed();
  }

  /** @param mayTell whether the end may be told after a few failures */
  #surely<T>(what: string, step: () => Promise<T>, mayTell = true): Promise<T> {
    return untilItWorks(this.#ports.clock, step, async (err, failures) => {
      this.#ports.log.warn({ ...this.key, what, failures, err }, 'an end is held up; trying again');
      if (mayTell && failures === FAILURES) await this.#tellExited();
    });
  }

  #endTheRest(graceMs: number): void {
    this.#killAfter(graceMs);
    this.#terminate(() => true);
  }

  /** With the extent of the log as far as it is known. */
  async #tellExited(): Promise<void> {
    const isDue = (): boolean => this.#phase === 'RUNNING' || this.#phase === 'PREPARING';
    for (let failures = 0; isDue() && failures < FAILURES; failures += 1) {
      try {
        await this.#measureLog();
        break;
      } catch (err) {
        this.#ports.log.warn({ ...this.key, err }, 'could not measure a log');
        await pause(this.#ports.clock, POLL_MS.first);
      }
    }
    if (!isDue()) return;
    this.#phase = 'EXITED';
    this.#changed();
  }

  async #measureLog(): Promise<void> {
    this.#log = await this.#ports.machine.logExtent(this.key);
  }

  /** All of a small log; null for others, and for one that cannot be read: the head asks for it by stream. */
  async #smallLog(): Promise<string | null> {
    const { available, size } = this.#log;
    if (available > 0 || size === 0 || size > INLINE_LOG_BYTES) return null;
    try {
      const bytes = await this.#ports.machine.readLog(this.key, 0, size);
      return bytes.length === size ? this.#ports.toBase64(bytes) : null;
    } catch (err) {
      this.#ports.log.warn({ ...this.key, err }, 'could not read a log');
      return null;
    }
  }

  /** Looks again and again, less and less often, until it holds. */
  async #until(holds: () => Promise<boolean>): Promise<void> {
    for (let delayMs: number = POLL_MS.first; ; delayMs = Math.min(delayMs * 2, POLL_MS.most)) {
      if (await holds()) return;
      await pause(this.#ports.clock, delayMs);
    }
  }
}
