import { beforeEach, describe, expect, it } from 'vitest';
import { CallLog } from './call-log.ts';
import type { ServedCall } from './calls.ts';

interface Line {
  readonly level: 'debug' | 'info';
  readonly message: string;
  readonly [field: string]: unknown;
}

const CALL: ServedCall = {
  requestId: 'id-1',
  method: 'GET',
  route: '/v1/workers',
  status: 200,
  ms: 1.234,
  actor: 'admin',
  kind: 'reply',
};

let lines: Line[];
let nowMs: number;
let log: CallLog;
beforeEach(() => {
  lines = [];
  nowMs = 0;
  const note =
    (level: Line['level']) =>
    (fields: Record<string, unknown>, message: string): void => {
      lines.push({ level, message, ...fields });
    };
  const never = (): never => {
    throw new Error('a served call is neither a warning nor an error');
  };
  log = new CallLog({ debug: note('debug'), info: note('info'), warn: never, error: never }, () => nowMs);
});

const served = (status: number | null, times = 1): void => {
  for (let each = 0; each < times; each++) log.ended({ ...CALL, status });
};
const atInfo = (): Line[] => lines.filter(({ level }) => level === 'info');

describe('the log of calls', () => {
  it('has a line for each call at debug, with what finds it and what it was', () => {
    served(200);
    expect(lines).toEqual([
      {
        level: 'debug',
        message: 'a call was served',
        requestId: 'id-1',
        method: 'GET',
        route: '/v1/workers',
        status: 200,
        ms: 1.2,
        actor: 'admin',
        kind: 'reply',
      },
    ]);
  });

  it('says at info what failed for a reason of ours, and what was not let in', () => {
    for (const status of [200, 201, 400, 404, 409, 429, null, 401, 403, 500, 503]) served(status);
    expect(atInfo().map(({ status }) => status)).toEqual([401, 403, 500, 503]);
  });

  it('does not let a flood fill the disk, and says afterwards how much it has left out', () => {
    served(401, 2_000);
    expect(atInfo()).toHaveLength(20);
    expect(lines).toHaveLength(2_000);
    nowMs += 1_000;
    served(401, 5);
    expect(atInfo()).toHaveLength(21);
    expect(atInfo().at(-1)).toMatchObject({ leftOut: 1_980 });
  });

  it('keeps lines for failures while denials flood', () => {
    served(403, 1_000);
    served(503);
    expect(atInfo().at(-1)).toMatchObject({ status: 503, message: 'a call failed' });
  });

  it('writes at most a line in a second for as long as a flood lasts', () => {
    for (let second = 0; second < 60; second++) {
      nowMs = second * 1_000;
      served(500, 100);
    }
    expect(atInfo().length).toBeLessThanOrEqual(20 + 60);
  });
});
