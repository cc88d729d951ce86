import { describe, expect, it } from 'vitest';
import { networks } from './parse.ts';

describe('a network', () => {
  it('is a range or an address of either family; several with commas, or by repeating', () => {
    expect(networks('10.1.0.0/16')).toEqual(['10.1.0.0/16']);
    expect(networks('fd12::/48, 10.0.0.7', ['10.1.0.0/16'])).toEqual([
      '10.1.0.0/16',
      'fd12::/48',
      '10.0.0.7',
    ]);
  });

  it.each([
    '',
    '10.1.0.0/33',
    'fd12::/129',
    '10.1',
    'localhost',
    '10.0.0.1/',
    '10.0.0.1/-1',
    '10.0.0.1/8/8',
    '*',
  ])('is not %j', (text) => {
    expect(() => networks(text)).toThrow('a network such as 10.1.0.0/16, or an address');
  });
});
