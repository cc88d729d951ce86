/** Each checker of the end, and of recovery, is shown a good ending, and spoilt ones that it must reject. */
import { describe, expect, it } from 'vitest';
import { finalCheckers } from './all.ts';
import { asked, ended, ending, ID, LOG, recovery, submitted, view, witness } from './doctored.ts';
import { eventually_allEnd, eventually_recoveredWithin, eventually_workersOnline } from './eventually.ts';
import type { Ending } from './facts.ts';
import {
  finally_logsWhole,
  finally_noGhosts,
  finally_nothingLost,
  finally_oneInstancePerKey,
  finally_startedOnce,
  finally_witnessAgrees,
} from './finally.ts';

const views = (...list: ReturnType<typeof view>[]) => ({
  views: new Map(list.map((each) => [each.id, each])),
});
const OTHER = '22222222-2222-4222-8222-222222222222';

describe('a good ending', () => {
  it.each(finalCheckers())('is accepted by $name', (checker) => {
    expect(checker.check(ending())).toEqual([]);
  });
});

describe('eventually', () => {
  it('rejects workers that come back late, or not', () => {
    const checker = eventually_workersOnline();
    expect(checker.check(recovery())).toEqual([]);
    for (const workersOnlineAfterMs of [1_001, null])
      expect(checker.check(recovery({ workersOnlineAfterMs }))).toHaveLength(1);
  });
  it('rejects a herd that runs nothing new in time', () => {
    const checker = eventually_recoveredWithin();
    expect(checker.check(recovery())).toEqual([]);
    for (const probeDoneAfterMs of [1_001, null])
      expect(checker.check(recovery({ probeDoneAfterMs }))).toHaveLength(1);
  });
  it('rejects what does not end', () => {
    expect(eventually_allEnd().check([])).toEqual([]);
    expect(eventually_allEnd().check([view()])).toHaveLength(1);
  });
});

describe('finally_nothingLost', () => {
  it('rejects what is gone, and what has not ended', () => {
    expect(finally_nothingLost().check(ending(views()))).toHaveLength(1);
    expect(finally_nothingLost().check(ending(views(view({ status: 'UNKNOWN' }))))).toHaveLength(1);
  });
});

describe('finally_oneInstancePerKey', () => {
  it('rejects two instances of one key, acknowledged or not', () => {
    expect(finally_oneInstancePerKey().check(ending(views(ended(), ended({ id: OTHER }))))).toHaveLength(1);
  });
});

describe('finally_startedOnce', () => {
  it('rejects an attempt that began twice', () => {
    const lines = [witness('start'), witness('start'), witness('end')];
    expect(finally_startedOnce().check(ending({ witness: lines })).length).toBeGreaterThan(0);
  });
  it('rejects a second attempt that nobody asked for, and takes one that was', () => {
    const lines = [witness('start'), witness('start', { attempt: 2 })];
    expect(finally_startedOnce().check(ending({ witness: lines }))).toHaveLength(1);
    const replace = asked(submitted({ policy: 'replace' }));
    expect(finally_startedOnce().check(ending({ witness: lines, submitted: replace }))).toEqual([]);
  });
});

describe('finally_witnessAgrees', () => {
  const failed = (change: object) => views(ended({ status: 'FAILED', ...change }));
  const cases: [string, Partial<Ending>][] = [
    ['success without an end', { witness: [witness('start')] }],
    ['success of a command that failed', { witness: [witness('start'), witness('end', { code: 3 })] }],
    ['success of an attempt that the witness does not know', { witness: [witness('end', { attempt: 2 })] }],
    ['failure of a command that succeeded', failed({ exitCode: 1 })],
    [
      'a wrong exit code',
      { ...failed({ exitCode: 4 }), witness: [witness('start'), witness('end', { code: 3 })] },
    ],
    ['no exit code, for no reason', failed({ exitCode: null, reason: { code: 'X', message: 'x' } })],
    ['a death in the middle, for no reason', { ...failed({ exitCode: 137 }), witness: [witness('start')] }],
    ['a cancel that nobody asked for', views(ended({ status: 'CANCELLED', exitCode: 143 }))],
  ];

  it.each(cases)('rejects %s', (_, change) => {
    expect(finally_witnessAgrees().check(ending(change))).toHaveLength(1);
  });
  it('takes the same where it was asked for, or the supervisor was killed', () => {
    const cancelled = asked(submitted({ cancelledAtMs: 5 }));
    const cut = { witness: [witness('start')] };
    expect(
      finally_witnessAgrees().check(
        ending({ ...views(ended({ status: 'CANCELLED', exitCode: 143 })), ...cut, submitted: cancelled }),
      ),
    ).toEqual([]);
    const lost = { ...failed({ exitCode: null, reason: { code: 'SUPERVISOR_LOST', message: 'x' } }), ...cut };
    expect(finally_witnessAgrees().check(ending({ ...lost, unsupervised: new Set([ID]) }))).toEqual([]);
  });
  it('never takes success that the witness does not know, whatever was done to it', () => {
    const excuses = {
      submitted: asked(submitted({ cancelledAtMs: 5 })),
      unsupervised: new Set([ID]),
      onFullDisk: new Set([ID]),
    };
    expect(finally_witnessAgrees().check(ending({ ...excuses, witness: [witness('start')] }))).toHaveLength(
      1,
    );
  });
});

describe('finally_logsWhole', () => {
  const [one = '', two = '', three = ''] = LOG.split(/(?<=\n)/);
  const spoilt: [string, string][] = [
    ['a gap', one + three],
    ['a line that comes twice', one + two + two + three],
    ['lines out of order', one + three + two],
    ['a missing end', one + two],
    ['a missing beginning', two + three],
    ['nothing at all', ''],
    ['a line that is cut', one + two + three.slice(0, -2)],
  ];

  it.each(spoilt)('rejects %s', (_, text) => {
    expect(finally_logsWhole().check(ending({ logs: new Map([[ID, text]]) }))).toHaveLength(1);
  });
  it('takes a beginning where the command did not come to its end, and no gap in it', () => {
    const cut = { witness: [witness('start')] };
    expect(finally_logsWhole().check(ending({ ...cut, logs: new Map([[ID, one + two]]) }))).toEqual([]);
    expect(finally_logsWhole().check(ending({ ...cut, logs: new Map([[ID, one + three]]) }))).toHaveLength(1);
  });
  it('asks for no log of an attempt that was given up for another, which was cancelled before it was placed', () => {
    const none = { logs: new Map([[ID, '']]), ...views(ended({ status: 'CANCELLED', workerId: null })) };
    const replaceable = asked(submitted({ policy: 'replace', cancelledAtMs: 5 }));
    expect(finally_logsWhole().check(ending({ ...none, submitted: replaceable }))).toEqual([]);
    expect(finally_logsWhole().check(ending(none))).toHaveLength(1);
  });
  it('takes gaps where the disk was full, and no line twice', () => {
    const full = { onFullDisk: new Set([ID]) };
    expect(finally_logsWhole().check(ending({ ...full, logs: new Map([[ID, one + three]]) }))).toEqual([]);
    expect(finally_logsWhole().check(ending({ ...full, logs: new Map([[ID, one + one]]) }))).toHaveLength(1);
  });
});

describe('finally_noGhosts', () => {
  it.each(['processes', 'cgroups', 'folders', 'ports'])('rejects %s that are left', (kind) => {
    const none = ending().leftovers;
    expect(finally_noGhosts().check(ending({ leftovers: { ...none, [kind]: ['one'] } }))).toHaveLength(1);
  });
});
