/** The end: what the head says agrees with what the witness saw. */
import type { InstanceView } from 'drover';
import type { Checker, Ending, Submitted, WitnessLine } from './facts.ts';

const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);

function groupBy<T>(list: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** Every acknowledged instance is there, and has ended. */
export function finally_nothingLost(): Checker<Ending> {
  return {
    name: 'finally_nothingLost',
    check({ submitted, views }) {
      return [...submitted.keys()].flatMap((id) => {
        const view = views.get(id);
        if (!view) return [`${id} was acknowledged and is gone`];
        return FINAL.has(view.status) ? [] : [`${id} is ${view.status}`];
      });
    },
  };
}

/** One key, one instance, whatever was tried again. */
export function finally_oneInstancePerKey(): Checker<Ending> {
  return {
    name: 'finally_oneInstancePerKey',
    check({ views }) {
      const ids = groupBy([...views.values()], (view) => view.labels['nonce'] ?? view.id);
      return [...ids]
        .filter(([, list]) => list.length > 1)
        .map(([nonce, list]) => `${nonce} is ${list.length} instances`);
    },
  };
}

/** No attempt's command begins twice, and none of another instance's. */
export function finally_startedOnce(): Checker<Ending> {
  return {
    name: 'finally_startedOnce',
    check({ witness, submitted }) {
      const starts = groupBy(
        witness.filter((line) => line.what === 'start'),
        (line) => `${line.instance} attempt ${line.attempt}`,
      );
      const twice = [...starts].filter(([, lines]) => lines.length > 1);
      const replaced = [...groupBy([...starts.values()].flat(), (line) => line.instance)].filter(
        ([id, lines]) => lines.length > 1 && submitted.get(id) && submitted.get(id)?.policy !== 'replace',
      );
      return [
        ...twice.map(([what, lines]) => `${what} began ${lines.length} times`),
        ...replaced.map(([id]) => `${id} began in several attempts, which nobody asked for`),
      ];
    },
  };
}

/** Reported success <=> the witness has a completed execution of that attempt; and so with every exit code. */
export function finally_witnessAgrees(): Checker<Ending> {
  return {
    name: 'finally_witnessAgrees',
    check(ending) {
      return [...ending.submitted.values()].flatMap((one) => {
        const view = ending.views.get(one.id);
        if (!view || !FINAL.has(view.status)) return [];
        const lines = ending.witness.filter(
          (line) => line.instance === one.id && line.attempt === view.attempt,
        );
        const wrong = disagreement(ending, one, view, lines);
        return wrong === null
          ? []
          : [`${one.id} (${one.kind}, ${one.policy}) ${view.status} ${view.exitCode}: ${wrong}`];
      });
    },
  };
}

function disagreement(
  ending: Ending,
  one: Submitted,
  view: InstanceView,
  lines: readonly WitnessLine[],
): string | null {
  const started = lines.some((line) => line.what === 'start');
  const end = lines.find((line) => line.what === 'end');
  // Its worker had no head for too long and says so. Why is lost only with a worker that dies on a full disk.
  const isStopped =
    one.policy === 'stop' && (view.reason?.code === 'HEAD_LOST' || ending.onFullDisk.has(one.id));
  const mayBeCut = one.cancelledAtMs !== null || ending.unsupervised.has(one.id) || isStopped;
  if (view.status === 'COMPLETED')
    return end?.code === 0 ? null : `the witness saw ${end ? `the exit code ${end.code}` : 'no end'}`;
  if (view.status === 'CANCELLED') return one.cancelledAtMs !== null ? null : 'nobody asked for that';
  if (view.exitCode === null) {
    if (mayBeCut) return null;
    if (ending.onFullDisk.has(one.id) && end === undefined) return null;
    return `no exit code (${view.reason?.code}), and the witness saw ${started ? 'a start' : 'no start'} and ${end ? `the end ${end.code}` : 'no end'}`;
  }
  if (end?.code === view.exitCode || mayBeCut) return null;
  return `the witness saw ${end ? `the exit code ${end.code}` : 'no end'}`;
}

/** Numbered lines of the log: none missing, none twice, none out of order; whole where the command came to its end. */
export function finally_logsWhole(): Checker<Ending> {
  return {
    name: 'finally_logsWhole',
    check({ logs, submitted, views, witness, onFullDisk, unsupervised }) {
      const ended = new Set(
        witness.flatMap((line) => (line.what === 'end' ? [`${line.instance}.${line.attempt}`] : [])),
      );
      return [...logs].flatMap(([id, text]) => {
        const one = submitted.get(id);
        const view = views.get(id);
        // Replaced, and cancelled before it was placed again: the log of the attempt that was given up is not kept.
        if (!one || !view || (one.policy === 'replace' && view.workerId === null)) return [];
        const wrong = misnumbered(text, one, {
          mayHaveGaps: onFullDisk.has(id),
          mustBeWhole: ended.has(`${id}.${view.attempt}`) && !onFullDisk.has(id) && !unsupervised.has(id),
        });
        return wrong === null ? [] : [`${id} (${one.kind}) ${view.status}: ${wrong}`];
      });
    },
  };
}

function misnumbered(
  text: string,
  { lines, nonce }: Submitted,
  rules: { readonly mayHaveGaps: boolean; readonly mustBeWhole: boolean },
): string | null {
  const numbers = [...text.matchAll(new RegExp(`^line (\\d+) of ${lines} ${nonce}$`, 'gm'))].map((match) =>
    Number(match[1]),
  );
  for (const [at, number] of numbers.entries()) {
    const before = at === 0 ? 0 : (numbers[at - 1] ?? 0);
    if (number <= before) return `line ${number} after line ${before}`;
    if (number !== before + 1 && !rules.mayHaveGaps) return `line ${number} after line ${before}`;
  }
  if (rules.mustBeWhole && numbers.length !== lines) return `${numbers.length} of ${lines} lines`;
  return null;
}

/** Nothing is left of what has ended. */
export function finally_noGhosts(): Checker<Ending> {
  return {
    name: 'finally_noGhosts',
    check: ({ leftovers }) =>
      Object.entries(leftovers).flatMap(([kind, list]: [string, readonly string[]]) =>
        list.map((each) => `${kind}: ${each}`),
      ),
  };
}
