/**
 * A metric as it is declared here: its value is read when somebody asks. Labels come from closed sets only (patterns of
 * routes, methods, statuses, nouns): never an id, a name, a path or a user, of which there is no end.
 */
import type { Histogram } from './histogram.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

interface Declared {
  /** With the unit at its end; that of a counter ends with `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** gauge: as it is now. counter: since this process began; it only grows. */
export interface ValueMetric extends Declared {
  readonly type: 'gauge' | 'counter';
  read(): Iterable<Sample>;
}

export interface HistogramMetric extends Declared {
  readonly type: 'histogram';
  read(): Iterable<{ readonly labels: Labels; readonly histogram: Histogram }>;
}

export type Metric = ValueMetric | HistogramMetric;

/** A metric of one value. */
export const single = (
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  value: () => number,
): ValueMetric => ({ type, name, help, labels: [], read: () => [{ labels: {}, value: value() }] });

/** Counts by one label, every value of which is known beforehand: what there is none of shows as 0. */
export const counted = (
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  label: string,
  values: readonly string[],
  count: () => ReadonlyMap<string, number>,
): ValueMetric => ({
  type,
  name,
  help,
  labels: [label],
  read() {
    const now = count();
    return values.map((value) => ({ labels: { [label]: value }, value: now.get(value) ?? 0 }));
  },
});

/** A histogram without labels. */
export const spread = (name: string, help: string, histogram: Histogram): HistogramMetric => ({
  type: 'histogram',
  name,
  help,
  labels: [],
  read: () => [{ labels: {}, histogram }],
});
