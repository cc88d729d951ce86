/**
 * Reads the fields of PyLet's bodies and queries as leniently as its own server does: numeric strings and whole floats
 * count as integers, words like "yes" as booleans, unknown keys are ignored. What is refused, is refused in the shape
 * that its clients know (422 with a list).
 */

/** One entry of a 422. */
export interface Problem {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input: unknown;
  readonly ctx?: Readonly<Record<string, unknown>>;
}

/** Carries what is answered with 422. */
export class Unprocessable extends Error {
  readonly problems: readonly Problem[];
  readonly body: unknown;
  constructor(problems: readonly Problem[], body: unknown) {
    super(problems[0]?.msg ?? 'unprocessable');
    this.problems = problems;
    this.body = body;
  }
}

/** No reply lists more; a body can hold far more that are wrong. */
const MOST_PROBLEMS = 100;

export const NOT_AN_OBJECT = 'Input should be a valid dictionary or object to extract fields from';

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TRUE_WORDS = new Set(['1', 'true', 't', 'yes', 'y', 'on']);
const FALSE_WORDS = new Set(['0', 'false', 'f', 'no', 'n', 'off']);

/** Reads the fields of one object and gathers what is wrong with them. */
export class Fields {
  readonly problems: Problem[] = [];
  readonly #source: Readonly<Record<string, unknown>>;
  readonly #loc: readonly (string | number)[];

  constructor(
    source: Readonly<Record<string, unknown>>,
    loc: readonly (string | number)[],
    problems?: Problem[],
  ) {
    this.#source = source;
    this.#loc = loc;
    if (problems) this.problems = problems;
  }

  #problem(key: string, type: string, msg: string, input: unknown): undefined {
    return this.#add({ type, loc: [...this.#loc, key], msg, input });
  }

  #add(problem: Problem): undefined {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(problem);
    return undefined;
  }

  #get(key: string, required: boolean): unknown {
    const value = Object.hasOwn(this.#source, key) ? this.#source[key] : undefined;
    if (value === undefined && required) this.#problem(key, 'missing', 'Field required', this.#source);
    return value;
  }

  string(key: string, required = false): string | null | undefined {
    const value = this.#get(key, required);
    if (value === undefined || typeof value === 'string') return value;
    if (value === null && !required) return null;
    return this.#problem(key, 'string_type', 'Input should be a valid string', value);
  }

  integer(key: string, required = false): number | undefined {
    const value = this.#get(key, required);
    if (value === undefined) return undefined;
    const parsed = toInteger(value);
    if (typeof parsed === 'number') return parsed;
    return this.#problem(key, parsed.type, parsed.msg, value);
  }

  boolean(key: string, otherwise: boolean): boolean {
    const value = this.#get(key, false);
    if (value === undefined) return otherwise;
    if (typeof value === 'boolean') return value;
    if (typeof value !== 'string' && typeof value !== 'number') {
      this.#problem(key, 'bool_type', 'Input should be a valid boolean', value);
      return otherwise;
    }
    const word = String(value).toLowerCase();
    if (TRUE_WORDS.has(word)) return true;
    if (!FALSE_WORDS.has(word))
      this.#problem(key, 'bool_parsing', 'Input should be a valid boolean, unable to interpret input', value);
    return FALSE_WORDS.has(word) ? false : otherwise;
  }

  integers(key: string): number[] | null {
    const value = this.#get(key, false);
    if (value === undefined || value === null) return null;
    if (!Array.isArray(value)) {
      this.#problem(key, 'list_type', 'Input should be a valid list', value);
      return null;
    }
    return value.map((item, at) => {
      const parsed = toInteger(item);
      if (typeof parsed === 'number') return parsed;
      this.#add({ type: parsed.type, loc: [...this.#loc, key, at], msg: parsed.msg, input: item });
      return 0;
    });
  }

  strings(key: string): Record<string, string> {
    const value = this.#get(key, false);
    if (value === undefined) return {};
    if (!isObject(value)) {
      this.#problem(key, 'dict_type', 'Input should be a valid dictionary', value);
      return {};
    }
    for (const [name, item] of Object.entries(value)) {
      if (typeof item === 'string') continue;
      this.#add({
        type: 'string_type',
        loc: [...this.#loc, key, name],
        msg: 'Input should be a valid string',
        input: item,
      });
    }
    return value as Record<string, string>;
  }

  /** The fields of an object that must be there. When it is not, that alone is the problem. */
  object(key: string): Fields {
    const value = this.#get(key, true);
    const loc = [...this.#loc, key];
    if (isObject(value)) return new Fields(value, loc, this.problems);
    if (value !== undefined) this.#problem(key, 'model_attributes_type', NOT_AN_OBJECT, value);
    return new Fields({}, loc);
  }
}

function toInteger(value: unknown): number | { type: string; msg: string } {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value;
    return {
      type: 'int_from_float',
      msg: 'Input should be a valid integer, got a number with a fractional part',
    };
  }
  if (typeof value === 'string') {
    const number = /^\s*[+-]?\d{1,15}(?:\.0+)?\s*$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number)) return number;
    return {
      type: 'int_parsing',
      msg: 'Input should be a valid integer, unable to parse string as an integer',
    };
  }
  return { type: 'int_type', msg: 'Input should be a valid integer' };
}
