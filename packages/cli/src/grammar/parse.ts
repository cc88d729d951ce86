import { isIP } from 'node:net';
import { parseSizeMiB, SIZE_RULE } from '@drover/core';
import { InvalidArgumentError } from 'commander';
import { BYTES_RULE, parseBytes } from '../values/bytes.ts';
import { DURATION_RULE, parseDurationMs } from '../values/duration.ts';
import { parsePair } from '../values/pairs.ts';

/** Ten years, as the head holds it. */
const MOST_TOKEN_LIFE_MS = 315_360_000_000;

const refuse = (rule: string): never => {
  throw new InvalidArgumentError(`Expected ${rule}.`);
};

/** A whole number from `min` to `max`. */
export const whole =
  (min: number, max = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    return refuse(
      max === Number.MAX_SAFE_INTEGER
        ? `a whole number, at least ${min}`
        : `a whole number from ${min} to ${max}`,
    );
  };

/** A decimal number that is not negative, or with `above` greater than zero. */
export const decimal =
  (above = false) =>
  (text: string): number => {
    const value = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
    if (value > 0 || (value === 0 && !above)) return value;
    return refuse(above ? 'a number greater than 0' : 'a number, not negative');
  };

/** `512MiB` as MiB. */
export const size = (text: string): number => parseSizeMiB(text) ?? refuse(SIZE_RULE);

/** `64KiB` as bytes. */
export const bytes = (text: string): number => parseBytes(text) ?? refuse(BYTES_RULE);

/** `30s` as milliseconds. */
export const duration = (text: string): number => parseDurationMs(text) ?? refuse(DURATION_RULE);

/** As long as a token may live. */
export const tokenLife = (text: string): number => {
  const ms = someTime(text);
  return ms <= MOST_TOKEN_LIFE_MS ? ms : refuse('at most 3650d');
};

/** A duration that is not zero. */
export const someTime = (text: string): number => duration(text) || refuse('a duration greater than 0');

/** `0,1` as indices. */
export function indices(text: string): number[] {
  if (!/^\d{1,4}(,\d{1,4})*$/.test(text)) return refuse('indices such as 0 or 0,1');
  return text.split(',').map(Number);
}

/** `key=value`, given as often as needed. */
export function pairs(text: string, previous: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [key, value] = parsePair(text) ?? refuse('key=value');
  return { ...previous, [key]: value };
}

/** Texts, given as often as needed. */
export const texts = (text: string, previous: readonly string[] = []): string[] => [...previous, text];

/** Names of hosts, given as often as needed, or several with commas. */
export const hosts = (text: string, previous: readonly string[] = []): string[] => {
  const given = text.split(',').map((host) => host.trim());
  if (!given.every((host) => /^[\w.:*[\]-]{1,253}$/.test(host)))
    return refuse('the name or address of a host');
  return [...previous, ...given];
};

/** Networks as `10.1.0.0/16` or `fd12::/48`, or single addresses; given as often as needed, or several with commas. */
export const networks = (text: string, previous: readonly string[] = []): string[] => {
  const given = text.split(',').map((network) => network.trim());
  const isNetwork = (network: string): boolean => {
    const [, address = '', bits = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
    const family = isIP(address);
    return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
  };
  if (!given.every(isNetwork)) return refuse('a network such as 10.1.0.0/16, or an address');
  return [...previous, ...given];
};

/** One of some words, whatever their capitals; given as often as needed, or several with commas. */
export const words =
  (allowed: readonly string[]) =>
  (text: string, previous: readonly string[] = []): string[] => {
    const given = text.split(',').map((word) => word.toUpperCase());
    if (!given.every((word) => allowed.includes(word))) return refuse(`one of ${allowed.join(', ')}`);
    return [...previous, ...given];
  };

/** One of some words in small letters. */
export const choice =
  <T extends string>(allowed: readonly T[]) =>
  (text: string): T =>
    allowed.find((each) => each === text.toLowerCase()) ?? refuse(`one of ${allowed.join(', ')}`);

/** One of some words, whatever their capitals. */
export const word =
  (allowed: readonly string[]) =>
  (text: string): string =>
    words(allowed)(text)[0] ?? '';
