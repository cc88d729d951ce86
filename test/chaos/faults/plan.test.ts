import { describe, expect, it } from 'vitest';
import { planFaults } from './plan.ts';
import { FAULTS } from './table.ts';

const HOUR_MS = 3_600_000;

describe('the plan of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    const brief = (seed: number) =>
      planFaults(FAULTS, seed, 120_000).map(({ atMs, fault }) => `${atMs} ${fault.name}`);
    expect(brief(7)).toEqual(brief(7));
    expect(brief(7)).not.toEqual(brief(8));
  });

  it('holds each fault about as often as its weight says', () => {
    const plan = planFaults(FAULTS, 3, 20 * HOUR_MS);
    for (const fault of FAULTS) {
      const found = plan.filter((planned) => planned.fault === fault).length;
      const expected = (20 * HOUR_MS * fault.weight) / 120_000;
      expect(found / expected, fault.name).toBeGreaterThan(0.8);
      expect(found / expected, fault.name).toBeLessThan(1.2);
    }
  });

  it('is in order, and no fault stays longer than it may', () => {
    const plan = planFaults(FAULTS, 5, HOUR_MS);
    expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).sort((a, b) => a - b));
    expect(plan.filter(({ fault, healAfterMs }) => healAfterMs > fault.mostMs)).toEqual([]);
  });

  it('has each name once', () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
  });
});
