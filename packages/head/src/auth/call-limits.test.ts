import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CALL_RATES, CallLimits, type Verdict } from './call-limits.ts';

const RATES = { all: { burst: 10, perSecond: 5 }, bad: { burst: 4, perSecond: 2 }, open: 3 };
let nowMs = 0;
let limits: CallLimits;
beforeEach(() => {
  nowMs = 0;
  limits = new CallLimits(RATES, () => nowMs);
});

/** Calls until one is not welcome, each answered at once. @returns how many were */
function welcomed(key: string, status: number, most = 1_000): number {
  for (let at = 0; at < most; at++) {
    if (limits.begin(key) !== 'welcome') return at;
    limits.done(key, status);
  }
  return most;
}

describe('one caller', () => {
  it('may call so often at once, and then so often in each second', () => {
    expect(welcomed('a', 200)).toBe(10);
    nowMs += 1_000;
    expect(welcomed('a', 200)).toBe(5);
    nowMs += 100;
    expect(welcomed('a', 200)).toBe(0);
    nowMs += 3_600_000;
    expect(welcomed('a', 200)).toBe(10);
  });

  it('has fewer calls that are refused for what they ask, whatever their reason', () => {
    for (const status of [400, 401, 403, 404, 409, 422]) expect(welcomed(`a${status}`, status)).toBe(4);
    for (const status of [200, 304, 500, 503]) expect(welcomed(`b${status}`, status)).toBe(10);
    nowMs += 1_000;
    expect(welcomed('a404', 404)).toBe(2);
  });

  it('does not buy more by calls that are under way: these are counted when they end', () => {
    for (let at = 0; at < 3; at++) expect(limits.begin('a')).toBe('welcome');
    expect(limits.begin('a')).toBe('hold');
    limits.done('a', 200);
    expect(limits.begin('a')).toBe('welcome');
  });

  it('costs nothing to another one', () => {
    expect(welcomed('a', 404)).toBe(4);
    expect(welcomed('b', 200)).toBe(10);
  });

  it('is held so many times at once, and then cut off without a word', () => {
    welcomed('a', 404, 4);
    const verdicts = Array.from({ length: 300 }, (): Verdict => limits.begin('a'));
    expect(verdicts.filter((each) => each === 'hold')).toHaveLength(256);
    expect(verdicts.slice(256).every((each) => each === 'cut')).toBe(true);
  });
});

describe('a call that is held', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const refusal = async (key: string): Promise<unknown> => {
    expect(limits.begin(key)).toBe('hold');
    const held = limits.hold(key);
    let isOver = false;
    void held.then(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(999);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    return await held;
  };

  it('is refused after a second, and says by which limit', async () => {
    welcomed('bad', 404);
    expect(await refusal('bad')).toMatchObject({
      code: 'TOO_MANY_REQUESTS',
      details: { limit: 2, what: 'refused calls a second' },
    });
    welcomed('many', 200);
    expect(await refusal('many')).toMatchObject({ details: { limit: 5, what: 'calls a second' } });
    for (let at = 0; at < 3; at++) limits.begin('open');
    expect(await refusal('open')).toMatchObject({ details: { limit: 3, what: 'calls at once' } });
  });

  it('gives its place to the next one', async () => {
    welcomed('a', 404);
    for (let at = 0; at < 256; at++) limits.begin('a');
    expect(limits.begin('a')).toBe('cut');
    const held = limits.hold('a');
    await vi.advanceTimersByTimeAsync(1_000);
    await held;
    expect(limits.begin('a')).toBe('hold');
  });
});

describe('callers', () => {
  it('are forgotten where there are too many, but not those with calls under way', () => {
    limits.begin('busy');
    welcomed('tired', 404, 4);
    // 'tired' is the one that has not called for longest.
    for (let at = 0; at < 50_000; at++) {
      limits.begin(`x${at}`);
      limits.done(`x${at}`, 200);
    }
    expect(welcomed('tired', 404)).toBe(4);
    expect([limits.begin('busy'), limits.begin('busy'), limits.begin('busy')]).toEqual([
      'welcome',
      'welcome',
      'hold',
    ]);
  });

  it('have room for what a busy program does', () => {
    expect(CALL_RATES.all.perSecond).toBeGreaterThanOrEqual(1_000);
    expect(CALL_RATES.bad.perSecond).toBeLessThanOrEqual(CALL_RATES.all.perSecond / 10);
  });
});
