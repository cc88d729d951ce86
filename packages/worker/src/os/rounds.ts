/** One timer for all attempts: caps of logs, which ports were really bound, and the safety look at adopted shims. */
import type { Attempt } from './attempt.ts';
import type { PortsReader } from './sockets.ts';

const TICK_MS = 500;
/** For logs that grow so fast that the cap would be passed by far between two ticks. */
const HOT_TICK_MS = 50;
const LOG_IDLE_MS = 8000;
const SAMPLE_MS = 1000;

interface Turn {
  logEveryMs: number;
  logDueMs: number;
}

export interface RoundActions {
  readonly monoMs: () => number;
  readonly ports: PortsReader;
  /** False where no hole can be punched into a file. */
  readonly trims: boolean;
  /** Called each second for each attempt that runs. */
  sample(attempt: Attempt): void;
  /** Something threw; the rounds go on. */
  failed(attempt: Attempt, error: unknown): void;
}

export class Rounds {
  private readonly turns = new Map<Attempt, Turn>();
  private readonly actions: RoundActions;
  private timer: NodeJS.Timeout | null = null;
  private lastSampleMs = 0;

  constructor(actions: RoundActions) {
    this.actions = actions;
  }

  add(attempt: Attempt): void {
    const logDueMs = this.actions.monoMs() + TICK_MS;
    if (!this.turns.has(attempt)) this.turns.set(attempt, { logEveryMs: TICK_MS, logDueMs });
    this.schedule(TICK_MS);
  }

  delete(attempt: Attempt): void {
    if (this.turns.delete(attempt) && this.trims(attempt)) this.guarded(attempt, () => attempt.log.check());
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.turns.clear();
  }

  private trims(attempt: Attempt): boolean {
    return this.actions.trims && !attempt.rotates;
  }

  private schedule(delayMs: number): void {
    if (this.timer !== null || this.turns.size === 0) return;
    this.timer = setTimeout(() => this.tick(), delayMs);
    this.timer.unref();
  }

  private tick(): void {
    this.timer = null;
    const now = this.actions.monoMs();
    let hot = false;
    for (const [attempt, turn] of this.turns) {
      if (this.trims(attempt) && turn.logDueMs <= now)
        this.guarded(attempt, () => this.checkLog(attempt, turn, now));
      hot ||= turn.logEveryMs === HOT_TICK_MS;
    }
    if (now - this.lastSampleMs >= SAMPLE_MS) this.sample(now);
    this.schedule(hot ? HOT_TICK_MS : TICK_MS);
  }

  private checkLog(attempt: Attempt, turn: Turn, now: number): void {
    const grown = attempt.log.check();
    if (grown > attempt.order.logCapBytes / 8) turn.logEveryMs = HOT_TICK_MS;
    else
      turn.logEveryMs = grown > 0 ? TICK_MS : Math.min(LOG_IDLE_MS, Math.max(TICK_MS, turn.logEveryMs * 2));
    turn.logDueMs = now + turn.logEveryMs;
  }

  private sample(now: number): void {
    this.lastSampleMs = now;
    for (const attempt of [...this.turns.keys()]) {
      if (attempt.end !== null) continue;
      this.guarded(attempt, () => {
        attempt.wasBound ||= this.actions.ports.read(SAMPLE_MS / 2).listening.has(attempt.port);
        this.actions.sample(attempt);
      });
    }
  }

  private guarded(attempt: Attempt, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.actions.failed(attempt, error);
    }
  }
}
