/** How long machines may take, in milliseconds. */
export interface MachineTiming {
  /** From the first try until a provider has made it. */
  readonly createMs: number;
  /** From then until its worker has joined; also from a start. */
  readonly joinMs: number;
  /** One call to a provider; what takes longer has an unknown outcome. */
  readonly callMs: number;
  /** For what runs there to end before its machine stops. */
  readonly drainMs: number;
  /** A stop or removal that takes longer is shown to people. */
  readonly alertMs: number;
  /** Between tries of one step: the first pause, which doubles up to the most. */
  readonly retryMs: number;
  readonly retryMostMs: number;
  /** Between looks at a provider's list: while something waits for it, while there are machines, and else. */
  readonly listFastMs: number;
  readonly listMs: number;
  readonly listIdleMs: number;
  /** A machine of an eventually consistent list is absent when it was missed so often, over so long. */
  readonly absentTimes: number;
  readonly absentMs: number;
  /** One that the provider has just made may take so long to be listed. */
  readonly appearMs: number;
  /** A record of a machine that is gone is kept so long. */
  readonly keepMs: number;
}

export const MACHINE_TIMING: MachineTiming = {
  createMs: 15 * 60_000,
  joinMs: 10 * 60_000,
  callMs: 10 * 60_000,
  drainMs: 90_000,
  alertMs: 10 * 60_000,
  retryMs: 1_000,
  retryMostMs: 60_000,
  listFastMs: 1_000,
  listMs: 15_000,
  listIdleMs: 5 * 60_000,
  absentTimes: 3,
  absentMs: 6_000,
  appearMs: 120_000,
  keepMs: 24 * 3_600_000,
};

/** The pause after the `attempts`-th try. */
export const backOffMs = (timing: MachineTiming, attempts: number): number =>
  Math.min(timing.retryMs * 2 ** Math.min(Math.max(0, attempts - 1), 20), timing.retryMostMs);
