/** The command line of a chaos run. */
import { parseArgs } from 'node:util';
import type { Fault } from './faults/fault.ts';

export interface RunOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly workers: number;
  readonly only: readonly string[] | null;
  /** Faults come so many times as often as their weights say. */
  readonly rate: number;
  readonly verbose: boolean;
}

export const HELP = `npm run chaos -- [--minutes M] [--seed N] [--workers N] [--only FAULT[,FAULT]] [--rate N] [--verbose]
npm run chaos -- --scenarios [vitest arguments]

  --minutes   how long faults are injected, 2 unless said otherwise; fractions are allowed
  --seed      of the plan of faults and of the workload; random unless given, and printed first
  --workers   1 to 8, 3 unless said otherwise
  --only      only these faults, or all whose name begins so (net., head.)
  --rate      so many times as many faults, 1 unless said otherwise; up to 20
  --verbose   the journal on standard error too
`;

/** Faults in two minutes that a run with --only has at least. */
const FEW = 12;

/** Null when it asked for help. @throws {RangeError} with what is wrong */
export function parseOptions(args: readonly string[], faults: readonly Fault[]): RunOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string' },
      workers: { type: 'string', default: '3' },
      only: { type: 'string' },
      rate: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const minutes = number(values.minutes, 'minutes', 0.05, 24 * 60);
  const workers = number(values.workers, 'workers', 1, 8);
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * 1e9) : number(values.seed, 'seed', 0, 2 ** 31);
  const only = values.only?.split(',') ?? null;
  for (const name of only ?? [])
    if (!faults.some((fault) => chosen(fault, [name])))
      throw new RangeError(`--only ${name}: known are ${faults.map((fault) => fault.name).join(', ')}`);
  const rate = values.rate === undefined ? usualRate(faults, only) : number(values.rate, 'rate', 0.1, 20);
  const { verbose } = values;
  return { minutes, workers: Math.round(workers), seed: Math.round(seed), only, rate, verbose };
}

/** Few faults come oftener, so that a short run shows something. */
function usualRate(faults: readonly Fault[], only: readonly string[] | null): number {
  if (only === null) return 1;
  const weights = faults.filter((fault) => chosen(fault, only)).reduce((sum, { weight }) => sum + weight, 0);
  return Math.max(1, Math.round(FEW / weights));
}

/** By its name or by the beginning of it up to a dot. */
export const chosen = (fault: Fault, only: readonly string[] | null): boolean =>
  only === null ||
  only.some((name) => fault.name === name || (name.endsWith('.') && fault.name.startsWith(name)));

function number(text: string, name: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most))
    throw new RangeError(`--${name} ${text}: a number from ${least} to ${most}`);
  return value;
}
