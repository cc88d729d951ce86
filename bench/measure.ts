/** Small helpers for figures: percentiles, rates, rounds. */

export interface Spread {
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  return { min: at(0), p50: at(0.5), p99: at(0.99), max: at(1), count: sorted.length };
}

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;

/** Milliseconds that `fn` takes. */
export async function timed(fn: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await fn();
  return performance.now() - begun;
}

/** Runs `count` calls with so many in flight. @returns the time of each, and calls per second over all */
export async function inFlight(
  width: number,
  count: number,
  call: () => Promise<unknown>,
): Promise<{ times: number[]; perSecond: number }> {
  const times: number[] = [];
  let left = count;
  const begun = performance.now();
  const lane = async (): Promise<void> => {
    while (left-- > 0) times.push(await timed(call));
  };
  await Promise.all(Array.from({ length: width }, lane));
  return { times, perSecond: (count / (performance.now() - begun)) * 1000 };
}

/** Minimum, median and maximum over the rounds, as text. */
export function overRounds(values: readonly number[], digits = 0): string {
  const { min, p50, max } = spreadOf(values);
  return `${min.toFixed(digits)} / ${p50.toFixed(digits)} / ${max.toFixed(digits)}`;
}

export function printRow(what: string, figure: string, note = ''): void {
  console.log(`${what.padEnd(58)} ${figure.padEnd(28)} ${note}`.trimEnd());
}
