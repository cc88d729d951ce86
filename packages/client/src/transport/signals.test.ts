import { describe, expect, it } from 'vitest';
import { linkSignals } from './signals.ts';

describe('linked signals', () => {
  it('are many on one source without a warning, and each is aborted with its reason', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const source = new AbortController();
    const linked = Array.from({ length: 50 }, () => linkSignals([source.signal]));
    linked[0]?.release();
    source.abort('why');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
    expect(linked.map(({ signal }) => signal.reason)).toEqual([undefined, ...Array(49).fill('why')]);
  });
});
