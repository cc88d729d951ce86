/**
 * One attempt on this worker, from the order to the moment when nothing is left of it.
 *
 * - PREPARING: the order is being carried out. A stop that comes now waits for the start, and follows it at once.
 * - RUNNING: the command runs. Its own end, or a stop (SIGTERM, the grace period, SIGKILL until nobody is left).
 * - EXITED: the command has ended. Whoever it left behind is ended in the same way; then the port must be unbound and
 *   the device memory free. The end of a stopped attempt is told only when its last process has gone, and then waits
 *   up to {@link RELEASE_PATIENCE_MS} for the rest, so that "cancelled" means that nothing of it runs.
 * - RELEASED: only the record and the log are left, until the head has both.
 */
import type { AttemptFact, AttemptPhase, ExitFact, StartOrder } from '@drover/core/wire';
import {
  type AgentPorts,
  type AttemptKey,
  type FoundAttempt,
  LaunchError,
  type StopNote,
  type Timer,
} from './ports.ts';
import { INLINE_LOG_BYTES } from './protocol.ts';

const RELEASE_PATIENCE_MS = 5_000;
const POLL_MS = { first: 5, most: 500 } as const;
const KILL_AGAIN_MS = 1_000;

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
  #finishing = false;
  /** An end that was seen before its start was. */
  #earlyEnd: End | null = null;

  /** @param changed called when there is something new to tell. */
  constructor(ports: AgentPorts, key: AttemptKey, order: StartOrder | null, changed: () => void) {
    this.#ports = ports;
    this.key = { instance: key.instance, attempt: key.attempt };
    this.order = order;
    this.#changed = changed;
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
      const code = error instanceof LaunchError ? error.code : 'START_FAILED';
      const message = error instanceof Error ? error.message : String(error);
      if (!(error instanceof LaunchError))
        this.#ports.log.error({ ...this.key, err: error }, 'a start failed unexpectedly');
      this.#endWithoutStart({ code, message });
      return;
    }
    if (this.#earlyEnd) return this.ended(this.#earlyEnd);
    this.#phase = 'RUNNING';
    this.#changed();
    if (this.#stop) await this.#beginStop(this.#stop);
  }

  /** A stop for something that never began here: told as its end, so that it cannot begin later. */
  refuse(): void {
    this.#stop = { atMs: this.#ports.clock.wallMs(), graceMs: 0 };
    this.#endWithoutStart({ code: 'NOT_STARTED', message: 'stopped before it was started' });
  }

  #endWithoutStart(reason: { code: string; message: string }): void {
    this.#exit = {
      code: null,
      signal: null,
      reason,
      atMs: this.#ports.clock.wallMs(),
      stopped: this.#stop !== null,
    };
    this.#phase = 'RELEASED';
    this.#changed();
  }

  /** Takes up what an earlier process of this worker left. */
  async adopt(found: FoundAttempt): Promise<void> {
    this.#stop = found.stop;
    this.#pid = found.pid;
    this.#port = found.port;
    this.#startedAtMs = found.startedAtMs;
    if (found.state === 'preparing') return;
    this.#launched = true;
    if (found.state === 'ended') {
      if (found.exit) this.ended(found.exit);
      return;
    }
    this.#phase = 'RUNNING';
    if (found.stop) await this.#beginStop(found.stop);
  }

  /** @param graceMs until SIGKILL; a stop under way is only ever shortened. */
  async stop(graceMs: number): Promise<void> {
    const now = this.#ports.clock.wallMs();
    if (this.#phase === 'RELEASED') return;
    if (this.#stop) {
      if (now + graceMs >= this.#stop.atMs + this.#stop.graceMs) return;
      this.#stop = { atMs: this.#stop.atMs, graceMs: Math.max(0, now + graceMs - this.#stop.atMs) };
    } else {
      this.#stop = { atMs: now, graceMs };
    }
    if (this.#launched) await this.#beginStop(this.#stop);
  }

  async #beginStop(stop: StopNote): Promise<void> {
    const { machine, clock } = this.#ports;
    this.#changed();
    await machine.noteStop(this.key, stop);
    await machine.signal(this.key, 'SIGTERM');
    // A wall clock that was set back must not stretch the grace period.
    const leftMs = Math.min(stop.graceMs, Math.max(0, stop.atMs + stop.graceMs - clock.wallMs()));
    this.#killAfter(leftMs);
  }

  #killAfter(delayMs: number): void {
    this.#killTimer?.cancel();
    this.#killTimer = this.#ports.clock.after(delayMs, () => {
      if (this.#phase === 'RELEASED') return;
      this.#ports.machine
        .signal(this.key, 'SIGKILL')
        .catch((err: unknown) => this.#ports.log.error({ ...this.key, err }, 'could not kill'))
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
    this.#exit = { ...end, stopped: this.#stop !== null };
    this.#finish().catch((err: unknown) =>
      this.#ports.log.error({ ...this.key, err }, 'could not finish an attempt'),
    );
  }

  async #finish(): Promise<void> {
    if (this.#finishing) return;
    this.#finishing = true;
    const { machine } = this.#ports;
    const orphaned = this.#exit?.reason?.code === 'SUPERVISOR_LOST';
    if (!(await machine.isEmpty(this.key))) {
      if (!this.#exit?.stopped) await this.#tellExited();
      if (!this.#killTimer) await this.#endTheRest(orphaned ? 0 : (this.order?.graceMs ?? 0));
      await this.#until(() => machine.isEmpty(this.key));
    }
    this.#killTimer?.cancel();
    if (!(await machine.isReleased(this.key))) {
      if (!this.#exit?.stopped) await this.#tellExited();
      const patience = this.#ports.clock.after(RELEASE_PATIENCE_MS, () => {
        this.#tellExited().catch((err: unknown) =>
          this.#ports.log.error({ ...this.key, err }, 'could not tell an end'),
        );
      });
      await this.#until(() => machine.isReleased(this.key));
      patience.cancel();
    }
    await machine.release(this.key);
    await this.#measureLog();
    const whole = this.#log.available === 0 && this.#log.size > 0 && this.#log.size <= INLINE_LOG_BYTES;
    if (whole) this.#inlineLog = this.#ports.toBase64(await machine.readLog(this.key, 0, this.#log.size));
    this.#phase = 'RELEASED';
    this.#changed();
  }

  async #endTheRest(graceMs: number): Promise<void> {
    await this.#ports.machine.signal(this.key, 'SIGTERM');
    this.#killAfter(graceMs);
  }

  async #tellExited(): Promise<void> {
    if (this.#phase !== 'RUNNING' && this.#phase !== 'PREPARING') return;
    await this.#measureLog();
    this.#phase = 'EXITED';
    this.#changed();
  }

  async #measureLog(): Promise<void> {
    this.#log = await this.#ports.machine.logExtent(this.key);
  }

  /** Looks again and again, less and less often, until it holds. */
  async #until(holds: () => Promise<boolean>): Promise<void> {
    for (let delayMs: number = POLL_MS.first; ; delayMs = Math.min(delayMs * 2, POLL_MS.most)) {
      if (await holds()) return;
      await new Promise<void>((resolve) => this.#ports.clock.after(delayMs, resolve));
    }
  }
}
