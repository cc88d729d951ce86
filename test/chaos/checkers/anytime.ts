/** Safety: what must hold in every look at the herd, under any fault. */
import type { InstanceView } from 'drover';
import type { Checker, Sample } from './facts.ts';

const HOLDING = new Set(['ASSIGNED', 'RUNNING', 'UNKNOWN']);
const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);

/** No worker is given more than it has. */
export function anytime_noOvercommit(): Checker<Sample> {
  return {
    name: 'anytime_noOvercommit',
    check({ listed, workers }) {
      return workers.flatMap(({ id, name, total }) => {
        const held = listed.filter((view) => view.workerId === id && HOLDING.has(view.status));
        const sum = (pick: (view: InstanceView) => number): number =>
          held.reduce((all, view) => all + pick(view), 0);
        const cpu = sum((view) => view.resources.cpu);
        const memoryMiB = sum((view) => view.resources.memoryMiB);
        const ports = held.flatMap((view) => view.port ?? []);
        return [
          ...(cpu > total.cpu + 1e-6 ? [`${name}: ${cpu} of ${total.cpu} cores`] : []),
          ...(memoryMiB > total.memoryMiB ? [`${name}: ${memoryMiB} of ${total.memoryMiB} MiB`] : []),
          ...(new Set(ports).size < ports.length
            ? [`${name}: a port is given twice: ${ports.sort().join(' ')}`]
            : []),
        ];
      });
    },
  };
}

/** What was acknowledged is there, at every moment: nobody deletes anything here. */
export function anytime_acknowledgedIsThere(): Checker<Sample> {
  return {
    name: 'anytime_acknowledgedIsThere',
    check: ({ gone }) => gone.map((id) => `${id} was acknowledged, and the head does not know it`),
  };
}

/** Two processes of one instance live at once only where replacing was asked for, and then the head has moved on. */
export function anytime_oneCurrentAttempt(): Checker<Sample> {
  return {
    name: 'anytime_oneCurrentAttempt',
    check({ alive, instances, submitted }) {
      const attempts = new Map<string, Set<number>>();
      for (const each of alive) {
        const seen = attempts.get(each.instance) ?? new Set();
        attempts.set(each.instance, seen.add(each.attempt));
      }
      const views = new Map(instances.map((view) => [view.id, view]));
      return [...attempts].flatMap(([id, seen]) => {
        const replaceable = submitted.get(id)?.policy === 'replace';
        const newest = Math.max(...seen);
        const known = views.get(id)?.attempt;
        if (seen.size > 1 && !replaceable)
          return [`${id} lives ${seen.size} times: attempts ${[...seen].join(', ')}`];
        if (known !== undefined && known < newest)
          return [`${id}: attempt ${newest} lives, the head knows ${known}`];
        return [];
      });
    },
  };
}

/** An end is an end: status, exit code and attempt of what has ended never change. */
export function anytime_terminalIsFinal(): Checker<Sample> {
  const ends = new Map<string, string>();
  return {
    name: 'anytime_terminalIsFinal',
    check({ instances }) {
      return instances.flatMap((view) => {
        const now = `${view.status} ${view.exitCode} attempt ${view.attempt}`;
        const before = ends.get(view.id);
        if (FINAL.has(view.status)) ends.set(view.id, before ?? now);
        return before !== undefined && before !== now ? [`${view.id}: ${before}, later ${now}`] : [];
      });
    },
  };
}

/** Attempts and revisions only grow, and an attempt grows only where replacing was asked for. */
export function anytime_attemptNeverBack(): Checker<Sample> {
  const last = new Map<string, { attempt: number; rev: number }>();
  return {
    name: 'anytime_attemptNeverBack',
    check({ instances, submitted }) {
      return instances.flatMap(({ id, attempt, rev }) => {
        const before = last.get(id);
        last.set(id, { attempt, rev });
        if (before && attempt < before.attempt) return [`${id}: attempt ${before.attempt}, then ${attempt}`];
        if (before && rev < before.rev) return [`${id}: revision ${before.rev}, then ${rev}`];
        const policy = submitted.get(id)?.policy;
        if (attempt > 1 && policy !== undefined && policy !== 'replace')
          return [`${id}: attempt ${attempt}, and its policy is ${policy}`];
        return [];
      });
    },
  };
}

/** What neither runs nor has ended says why, and since when. */
export function anytime_reasonWhileWaiting(): Checker<Sample> {
  return {
    name: 'anytime_reasonWhileWaiting',
    check({ instances }) {
      return instances
        .filter((view) => view.status !== 'RUNNING' && !FINAL.has(view.status))
        .filter((view) => !view.reason?.code || !view.reason.message || Number.isNaN(Date.parse(view.since)))
        .map(
          (view) =>
            `${view.id} is ${view.status} and says ${JSON.stringify(view.reason)} since ${view.since}`,
        );
    },
  };
}

export interface Bounds {
  readonly rssMiB: number;
  readonly files: number;
}

/** Memory and open files stay below a bound, whatever happens. */
export function anytime_resourcesBounded(head: Bounds, worker: Bounds): Checker<Sample> {
  return {
    name: 'anytime_resourcesBounded',
    check({ usage }) {
      return usage.flatMap(({ component, rssMiB, files }) => {
        const most = component === 'head' ? head : worker;
        return [
          ...(rssMiB > most.rssMiB ? [`${component}: ${Math.round(rssMiB)} MiB resident`] : []),
          ...(files > most.files ? [`${component}: ${files} open files`] : []),
        ];
      });
    },
  };
}

/** While the faults are within what must be borne for so long, something that was asked for comes to its end. */
export function anytime_liveness(limitMs: number): Checker<Sample> {
  let finished = -1;
  let sinceMs = 0;
  return {
    name: 'anytime_liveness',
    check(sample) {
      const moved = sample.finished !== finished;
      if (moved || !sample.withinTolerance || sample.open === 0) {
        finished = sample.finished;
        sinceMs = sample.atMs;
        return [];
      }
      if (sample.atMs - sinceMs <= limitMs) return [];
      const forMs = sample.atMs - sinceMs;
      sinceMs = sample.atMs;
      return [`nothing ended for ${forMs} ms, with ${sample.open} open and no fault in the way`];
    },
  };
}
