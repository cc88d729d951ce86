/** JSON bodies of the clients. Fields that we do not know are ignored; a known one of the wrong type is refused. */
import { invalid } from '@drover/core';
import type { FastifyRequest } from 'fastify';

type Fields = Readonly<Record<string, unknown>>;

/** Reads fields one by one. Null counts as absent. @throws {DroverError} INVALID_REQUEST */
export class Body {
  readonly #fields: Fields;

  constructor(value: unknown) {
    if (value === undefined || value === null) this.#fields = {};
    else if (isObject(value)) this.#fields = value;
    else throw invalid('body', 'an object', value);
  }

  static of(request: FastifyRequest): Body {
    return new Body(request.body);
  }

  /** The last of a parameter that comes several times. */
  static ofQuery(request: FastifyRequest): Body {
    const query = request.query as Fields;
    return new Body(
      Object.fromEntries(
        Object.entries(query).map(([key, value]) => [key, Array.isArray(value) ? value.at(-1) : value]),
      ),
    );
  }

  text(key: string): string {
    return this.optionalText(key) ?? this.#refuse(key, 'is required');
  }

  optionalText(key: string): string | null {
    const value = this.#fields[key] ?? null;
    return value === null || typeof value === 'string' ? value : this.#refuse(key, 'a string', value);
  }

  /** A text or a number, in lower case. */
  word(key: string): string | null {
    const value = this.#fields[key] ?? null;
    if (typeof value === 'object' && value !== null) return this.#refuse(key, 'a word');
    return value === null ? null : String(value).toLowerCase();
  }

  /** Absent: false. Words come from queries. */
  flag(key: string, otherwise = false): boolean {
    const value = this.#fields[key] ?? otherwise;
    if (typeof value === 'boolean') return value;
    if (typeof value === 'object') return this.#refuse(key, 'true or false');
    const word = String(value).toLowerCase();
    if (word === 'true' || word === '1') return true;
    if (word === 'false' || word === '0' || word === '') return false;
    return this.#refuse(key, 'true or false', value);
  }

  integer(key: string): number | null {
    const value = this.#fields[key] ?? null;
    if (value === null || value === '') return null;
    const number = typeof value === 'string' ? Number(value) : value;
    return Number.isSafeInteger(number) ? (number as number) : this.#refuse(key, 'a whole number', value);
  }

  integers(key: string): number[] | null {
    const whole = (item: unknown): number => {
      const number = typeof item === 'string' ? Number(item) : item;
      return Number.isSafeInteger(number) ? (number as number) : this.#refuse(key, 'whole numbers', item);
    };
    return this.#list(key)?.map(whole) ?? null;
  }

  /** A single text counts as a list of one. */
  texts(key: string): string[] | null {
    const value = this.#fields[key];
    if (typeof value === 'string') return [value];
    const text = (item: unknown): string =>
      typeof item === 'string' ? item : this.#refuse(key, 'strings', item);
    return this.#list(key)?.map(text) ?? null;
  }

  object(key: string): Fields {
    const value = this.#fields[key] ?? {};
    return isObject(value) ? value : this.#refuse(key, 'an object', value);
  }

  #list(key: string): unknown[] | null {
    const value = this.#fields[key] ?? null;
    return value === null || Array.isArray(value) ? value : this.#refuse(key, 'a list', value);
  }

  #refuse(key: string, rule: string, value?: unknown): never {
    throw invalid(key, rule, value);
  }
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
