/** Samples over time, and how fast each grows. */

export interface Sample {
  readonly atS: number;
  readonly values: Readonly<Record<string, number>>;
}

/** Least squares over all samples. @returns growth of one value per hour */
export function slopePerHour(samples: readonly Sample[], name: string): number {
  const points = samples.map(({ atS, values }) => ({ x: atS / 3600, y: values[name] ?? 0 }));
  const meanX = mean(points.map(({ x }) => x));
  const meanY = mean(points.map(({ y }) => y));
  const over = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const under = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return under === 0 ? 0 : over / under;
}

/** How much higher the last quarter is than the second one, as a part of it: what a leak would show. */
export function growth(samples: readonly Sample[], name: string): number {
  const quarter = Math.floor(samples.length / 4);
  const of = (from: number): number =>
    mean(samples.slice(from * quarter, (from + 1) * quarter).map(({ values }) => values[name] ?? 0));
  const before = of(1);
  return before === 0 ? 0 : (of(3) - before) / before;
}

export const mean = (list: readonly number[]): number =>
  list.length === 0 ? 0 : list.reduce((sum, each) => sum + each, 0) / list.length;

/** @param part 0.5 is the median */
export function quantile(list: readonly number[], part: number): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
