/** What a run tells at its end. */
import type { Ending, Recovery } from './checkers/facts.ts';
import type { FaultDriver } from './fault-driver.ts';
import type { Planned } from './faults/plan.ts';
import type { Observer, Verdicts } from './observer.ts';
import type { RunOptions } from './options.ts';
import type { Submitter } from './workload/submitter.ts';

export interface Summary {
  readonly options: RunOptions;
  readonly plan: readonly Planned[];
  readonly driver: FaultDriver;
  readonly submitter: Submitter;
  readonly observer: Observer;
  readonly verdicts: Verdicts;
  readonly recoveries: readonly Recovery[];
  readonly ending: Ending;
  readonly folder: string;
  /** Native programs that could not be compiled, so their faults were left out. */
  readonly missing: readonly string[];
}

/** Lines for people. */
export function describeRun(summary: Summary): string[] {
  const { driver, submitter, observer, verdicts, ending, plan } = summary;
  const names = [...new Set(plan.map(({ fault }) => fault.name))].sort();
  const ended = (status: string): number =>
    [...ending.views.values()].filter((view) => view.status === status).length;
  const { asked, acknowledged, refused, cancels } = submitter.counts;
  return [
    'faults               injected  skipped',
    ...names.map(
      (name) => `  ${name.padEnd(20)}${cell(driver.injected.get(name))}${cell(driver.skipped.get(name))}`,
    ),
    `  ${'together'.padEnd(20)}${cell(total(driver.injected))}${cell(total(driver.skipped))}`,
    ...summary.missing.map(
      (name) => `  not here: what needs the native ${name} (no compiler, or it may not be used)`,
    ),
    '',
    `instances  ${asked} asked for, ${acknowledged} acknowledged, ${refused} refused, ${cancels} cancels sent`,
    `           ${ended('COMPLETED')} COMPLETED, ${ended('FAILED')} FAILED, ${ended('CANCELLED')} CANCELLED`,
    `           onWorkerLost is ${submitter.knowsPolicies ? 'known and used' : 'not known by this head: left out'}`,
    '',
    'checkers                       evaluations  violations',
    ...[...new Set([...verdicts.evaluations.keys(), ...verdicts.problems.map(({ checker }) => checker)])]
      .sort()
      .map((name) => {
        const broken = verdicts.problems.filter(({ checker }) => checker === name).length;
        return `  ${name.padEnd(30)}${cell(verdicts.evaluations.get(name))}${cell(broken, 12)}`;
      }),
    '',
    `recovery   workers ONLINE ${spread(summary.recoveries.map((each) => each.workersOnlineAfterMs))}; a new command ended ${spread(summary.recoveries.map((each) => each.probeDoneAfterMs))}`,
    `looks      ${observer.looks} answered, ${observer.missed} while the head did not answer`,
    `most       ${[...observer.peaks.values()].map(({ component, rssMiB, files }) => `${component} ${Math.round(rssMiB)} MiB, ${files} files`).join('; ')}`,
  ];
}

const cell = (value = 0, width = 9): string => String(value).padStart(width);
const total = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, each) => sum + each, 0);

function spread(times: readonly (number | null)[]): string {
  const sorted = times.map((each) => each ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  return `p50 ${sorted[Math.floor(sorted.length / 2)] ?? '-'} ms, max ${sorted.at(-1) ?? '-'} ms of ${sorted.length}`;
}
