import { parseSizeMiB, SIZE_RULE } from '@drover/core';
import { UsageError } from '../errors.ts';
import { DURATION_RULE, parseDurationMs } from '../values/duration.ts';
import { nearest } from '../values/nearest.ts';

/** One table of a job file, read field by field. Every method throws a {@link UsageError} with file, line and field. */
export class JobReader {
  readonly #path: string;
  readonly #lineOf: (path: readonly string[]) => number | null;
  readonly #at: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(
    path: string,
    lineOf: (path: readonly string[]) => number | null,
    at: readonly string[],
    values: Readonly<Record<string, unknown>>,
  ) {
    this.#path = path;
    this.#lineOf = lineOf;
    this.#at = at;
    this.#values = values;
  }

  /** Refuses every key but these. */
  allow(keys: readonly string[]): void {
    for (const key of Object.keys(this.#values)) {
      if (keys.includes(key)) continue;
      const near = nearest(key, keys);
      this.#refuse(
        key,
        'unknown key',
        near === null ? `known: ${keys.join(', ')}` : `did you mean "${near}"?`,
      );
    }
  }

  table(key: string): JobReader | undefined {
    const value = this.#values[key];
    // "env:" with nothing below it is an empty table in YAML.
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'object' || Array.isArray(value) || value instanceof Date)
      return this.#refuse(key, 'must be a table');
    return new JobReader(this.#path, this.#lineOf, [...this.#at, key], value as Record<string, unknown>);
  }

  text(key: string): string | undefined {
    const value = this.#values[key];
    if (value === undefined || typeof value === 'string') return value;
    return this.#refuse(key, 'must be a string', 'put it in quotes');
  }

  choice<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    return allowed.find((each) => each === text) ?? this.#refuse(key, `must be one of ${allowed.join(', ')}`);
  }

  boolean(key: string): boolean | undefined {
    const value = this.#values[key];
    return value === undefined || typeof value === 'boolean'
      ? value
      : this.#refuse(key, 'must be true or false');
  }

  number(key: string): number | undefined {
    const value = this.#values[key];
    if (value === undefined || (typeof value === 'number' && value >= 0 && Number.isFinite(value)))
      return value;
    return this.#refuse(key, 'must be a number, not negative');
  }

  whole(key: string, negative = false): number | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && (negative || value >= 0)) return value;
    return this.#refuse(key, negative ? 'must be a whole number' : 'must be a whole number, not negative');
  }

  /** MiB. */
  size(key: string): number | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    const isText = typeof value === 'string' || typeof value === 'number';
    return (isText ? parseSizeMiB(String(value)) : null) ?? this.#refuse(key, `must be ${SIZE_RULE}`);
  }

  /** Milliseconds. */
  duration(key: string): number | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    const isText = typeof value === 'string' || typeof value === 'number';
    return (isText ? parseDurationMs(String(value)) : null) ?? this.#refuse(key, `must be ${DURATION_RULE}`);
  }

  indices(key: string): number[] | undefined {
    const value = this.#values[key];
    if (value === undefined) return undefined;
    const isList =
      Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && Number(one) >= 0);
    return isList ? value.map(Number) : this.#refuse(key, 'must be a list of whole numbers');
  }

  command(key: string): string | string[] | undefined {
    const value = this.#values[key];
    if (value === undefined || (typeof value === 'string' && value.trim() !== '')) return value;
    const isList =
      Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string');
    return isList
      ? value.map(String)
      : this.#refuse(key, 'must be a string, or a list of strings, not empty');
  }

  /** Every key of this table, each with a string. */
  texts(): Record<string, string> {
    return Object.fromEntries(Object.keys(this.#values).map((key) => [key, this.text(key) ?? '']));
  }

  #refuse(key: string, rule: string, hint?: string): never {
    const keys = [...this.#at, key];
    const line = this.#lineOf(keys);
    const place = line === null ? this.#path : `${this.#path}:${line}`;
    throw new UsageError(`${place}: ${keys.join('.')}: ${rule}`, hint);
  }
}
