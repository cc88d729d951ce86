import { describe, expect, it } from 'vitest';
import { formatMiB, parseBytes } from './bytes.ts';
import { formatDuration, parseDurationMs } from './duration.ts';
import { nearest } from './nearest.ts';
import { BadEnvLine, parseEnvFile, parsePair } from './pairs.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['2s', 2000],
    ['2', 2000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['5min', 300_000],
    ['1h', 3_600_000],
    ['1D', 86_400_000],
    ['0', 0],
  ])('reads %s', (text, ms) => expect(parseDurationMs(text)).toBe(ms));

  it.each(['', 's', '-1s', '1w', '1e3', '1s2', '99999999999999h', 'constructor'])('refuses %j', (text) =>
    expect(parseDurationMs(text)).toBeNull(),
  );

  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [61_000, '1m1s'],
    [3_600_000, '1h'],
    [90_061_000, '1d1h'],
  ])('writes %d as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('bytes', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['64KiB', 65_536],
    ['1.5m', 1_572_864],
    ['2GB', 2 ** 31],
  ])('reads %s', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  it.each(['', '-1', 'x', '1x', 'KiB'])('refuses %j', (text) => expect(parseBytes(text)).toBeNull());

  it.each([
    [512, '512MiB'],
    [8192, '8GiB'],
    [1500, '1500MiB'],
    [24_000, '23.4GiB'],
  ])('writes %d MiB as %s', (mib, text) => expect(formatMiB(mib)).toBe(text));
});

describe('pairs', () => {
  it('splits at the first equals sign', () => {
    expect(parsePair('a=b=c')).toEqual(['a', 'b=c']);
    expect(parsePair('a=')).toEqual(['a', '']);
    expect(parsePair('a')).toBeNull();
    expect(parsePair('=a')).toBeNull();
  });

  it('reads a file of variables', () => {
    const text = '# note\nexport A=1\r\nB="x\\ny # z"\nC=\'$A\'\n\nD = plain # note\n';
    expect(parseEnvFile(text)).toEqual({ A: '1', B: 'x\ny # z', C: '$A', D: 'plain' });
    expect(() => parseEnvFile('A=1\nnonsense')).toThrow(new BadEnvLine('line 2: expected KEY=VALUE'));
  });
});

describe('the nearest word', () => {
  it('is found for a slip and not for another word', () => {
    expect(nearest('subnit', ['submit', 'ps'])).toBe('submit');
    expect(nearest('cpu', ['cpus', 'gpus'])).toBe('cpus');
    expect(nearest('dsik', ['disk', 'memory'])).toBe('disk');
    expect(nearest('banana', ['submit', 'ps'])).toBeNull();
  });
});
