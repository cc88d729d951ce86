/** A checker that cannot fail is worth nothing: each is shown a good history, and spoilt ones that it must reject. */
import { describe, expect, it } from 'vitest';
import { anytimeCheckers } from './all.ts';
import {
  anytime_acknowledgedIsThere,
  anytime_attemptNeverBack,
  anytime_liveness,
  anytime_noOvercommit,
  anytime_oneCurrentAttempt,
  anytime_reasonWhileWaiting,
  anytime_resourcesBounded,
  anytime_terminalIsFinal,
} from './anytime.ts';
import { asked, ended, ID, sample, submitted, view } from './doctored.ts';
import type { Checker, Sample } from './facts.ts';

const OTHER = '22222222-2222-4222-8222-222222222222';

function shown(checker: Checker<Sample>, ...samples: Partial<Sample>[]): string[] {
  return samples.flatMap((change) => checker.check(sample(change)));
}

describe('a good history', () => {
  it.each(anytimeCheckers())('is accepted by $name', (checker) => {
    const finished = { instances: [ended({ rev: 11 })], alive: [], finished: 1, open: 0 };
    expect(
      shown(checker, {}, { atMs: 1_000 }, { ...finished, atMs: 2_000 }, { ...finished, atMs: 99_000 }),
    ).toEqual([]);
  });
});

describe('anytime_noOvercommit', () => {
  const two = (change: object) => ({ listed: [view(), view({ id: OTHER, port: 15_001, ...change })] });

  it('takes what just fits', () => {
    expect(shown(anytime_noOvercommit(), two({}))).toEqual([]);
  });
  it.each([
    ['cores', two({ resources: { cpu: 1.5, memoryMiB: 1, diskMiB: 0, gpus: 0 } })],
    ['memory', two({ resources: { cpu: 0, memoryMiB: 200, diskMiB: 0, gpus: 0 } })],
    [
      'cores of what is UNKNOWN',
      two({ status: 'UNKNOWN', resources: { cpu: 1.5, memoryMiB: 1, diskMiB: 0, gpus: 0 } }),
    ],
    ['a port that is given twice', two({ port: 15_000 })],
  ])('rejects too much of %s', (_, change) => {
    expect(shown(anytime_noOvercommit(), change)).toHaveLength(1);
  });
});

describe('anytime_acknowledgedIsThere', () => {
  it('rejects what is gone', () => {
    expect(shown(anytime_acknowledgedIsThere(), { gone: [ID] })).toHaveLength(1);
  });
});

describe('anytime_oneCurrentAttempt', () => {
  const twice = {
    alive: [
      { instance: ID, attempt: 1, pid: 7 },
      { instance: ID, attempt: 2, pid: 8 },
    ],
  };

  it('rejects two that live at once', () => {
    expect(shown(anytime_oneCurrentAttempt(), { ...twice, instances: [view({ attempt: 2 })] })).toHaveLength(
      1,
    );
  });
  it('takes two where replacing was asked for, and only when the head has moved on', () => {
    const policy = asked(submitted({ policy: 'replace' }));
    expect(
      shown(anytime_oneCurrentAttempt(), { ...twice, instances: [view({ attempt: 2 })], submitted: policy }),
    ).toEqual([]);
    expect(
      shown(anytime_oneCurrentAttempt(), { ...twice, instances: [view()], submitted: policy }),
    ).toHaveLength(1);
  });
});

describe('anytime_terminalIsFinal', () => {
  it.each([
    ['another status', ended({ status: 'FAILED' })],
    ['another exit code', ended({ exitCode: 3 })],
    ['another attempt', ended({ attempt: 2 })],
    ['life', view()],
  ])('rejects %s after an end', (_, later) => {
    expect(shown(anytime_terminalIsFinal(), { instances: [ended()] }, { instances: [later] })).toHaveLength(
      1,
    );
  });
  it('remembers the first end', () => {
    const samples = [ended(), ended({ exitCode: 3 }), ended({ exitCode: 3 })].map((one) => ({
      instances: [one],
    }));
    expect(shown(anytime_terminalIsFinal(), ...samples)).toHaveLength(2);
  });
});

describe('anytime_attemptNeverBack', () => {
  const replaced = { submitted: asked(submitted({ policy: 'replace' })) };

  it('rejects an attempt that goes back', () => {
    const samples = [2, 1].map((attempt) => ({ ...replaced, instances: [view({ attempt })] }));
    expect(shown(anytime_attemptNeverBack(), ...samples)).toHaveLength(1);
  });
  it('rejects a revision that goes back', () => {
    expect(shown(anytime_attemptNeverBack(), {}, { instances: [view({ rev: 9 })] })).toHaveLength(1);
  });
  it('rejects a second attempt that nobody asked for', () => {
    expect(shown(anytime_attemptNeverBack(), { instances: [view({ attempt: 2 })] })).toHaveLength(1);
  });
});

describe('anytime_reasonWhileWaiting', () => {
  it.each(['PENDING', 'ASSIGNED', 'UNKNOWN'] as const)('rejects %s without a reason', (status) => {
    expect(shown(anytime_reasonWhileWaiting(), { instances: [view({ status })] })).toHaveLength(1);
    const reason = { code: 'WHY', message: 'because' };
    expect(shown(anytime_reasonWhileWaiting(), { instances: [view({ status, reason })] })).toEqual([]);
    expect(
      shown(anytime_reasonWhileWaiting(), { instances: [view({ status, reason, since: '' })] }),
    ).toHaveLength(1);
  });
});

describe('anytime_resourcesBounded', () => {
  const checker = anytime_resourcesBounded({ rssMiB: 200, files: 100 }, { rssMiB: 100, files: 50 });

  it.each([
    ['memory of the head', { component: 'head', rssMiB: 201, files: 1 }],
    ['files of the head', { component: 'head', rssMiB: 1, files: 101 }],
    ['memory of a worker', { component: 'w1', rssMiB: 101, files: 1 }],
    ['files of a worker', { component: 'w1', rssMiB: 1, files: 51 }],
  ])('rejects too much %s', (_, usage) => {
    expect(shown(checker, { usage: [usage] })).toHaveLength(1);
  });
});

describe('anytime_liveness', () => {
  const at = (atMs: number, change: Partial<Sample> = {}) => ({ atMs, ...change });

  it('rejects a standstill', () => {
    expect(shown(anytime_liveness(1_000), at(0), at(900), at(1_100))).toHaveLength(1);
  });
  it('counts anew after progress, and after faults that excuse it', () => {
    expect(
      shown(anytime_liveness(1_000), at(0), at(900, { finished: 1 }), at(1_800, { finished: 1 })),
    ).toEqual([]);
    expect(shown(anytime_liveness(1_000), at(0), at(900, { withinTolerance: false }), at(1_800))).toEqual([]);
  });
  it('asks nothing where nothing is open', () => {
    expect(shown(anytime_liveness(1_000), at(0, { open: 0 }), at(5_000, { open: 0 }))).toEqual([]);
  });
});
