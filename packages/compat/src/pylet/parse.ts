/**
 * The request bodies and queries of PyLet, read as leniently as its own server reads them: numeric strings and whole
 * floats count as integers, words like "yes" as booleans, unknown keys are ignored. What is refused, is refused in the
 * shape that its clients know (422 with a list).
 */

/** One entry of a 422. */
export interface Problem {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input: unknown;
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
    this.problems.push({ type, loc: [...this.#loc, key], msg, input });
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
    const word = String(value).toLowerCase();
    if (typeof value === 'string' || typeof value === 'number') {
      if (TRUE_WORDS.has(word)) return true;
      if (FALSE_WORDS.has(word)) return false;
    }
    this.#problem(key, 'bool_parsing', 'Input should be a valid boolean, unable to interpret input', value);
    return otherwise;
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
      this.problems.push({ type: parsed.type, loc: [...this.#loc, key, at], msg: parsed.msg, input: item });
      return 0;
    });
  }

  strings(key: string): Record<string, string> {
    const value = this.#get(key, false);
    if (value === undefined || value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.#problem(key, 'dict_type', 'Input should be a valid dictionary', value);
      return {};
    }
    for (const [name, item] of Object.entries(value)) {
      if (typeof item === 'string') continue;
      this.problems.push({
        type: 'string_type',
        loc: [...this.#loc, key, name],
        msg: 'Input should be a valid string',
        input: item,
      });
    }
    return value as Record<string, string>;
  }

  object(key: string): Fields {
    const value = this.#get(key, true);
    if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value))) {
      this.#problem(
        key,
        'model_attributes_type',
        'Input should be a valid dictionary or object to extract fields from',
        value,
      );
    }
    const known = typeof value === 'object' && value !== null && !Array.isArray(value);
    return new Fields(
      known ? (value as Record<string, unknown>) : {},
      [...this.#loc, key],
      known ? this.problems : [],
    );
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

export interface PyletSubmit {
  readonly command: string;
  readonly cpuCores: number;
  readonly gpuUnits: number;
  readonly memoryMb: number;
  readonly name: string | null;
  readonly targetWorker: string | null;
  readonly gpuIndices: number[] | null;
  readonly exclusive: boolean;
  readonly labels: Record<string, string>;
  readonly env: Record<string, string>;
  readonly venv: string | null;
}

/** @throws {Unprocessable} */
export function parseSubmit(body: unknown): PyletSubmit {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const missing = body === undefined || body === null;
    const msg = missing
      ? 'Field required'
      : 'Input should be a valid dictionary or object to extract fields from';
    throw new Unprocessable(
      [{ type: missing ? 'missing' : 'model_attributes_type', loc: ['body'], msg, input: body ?? null }],
      body ?? null,
    );
  }
  const fields = new Fields(body as Record<string, unknown>, ['body']);
  const command = fields.string('command', true);
  const resources = fields.object('resource_requirements');
  const submit: PyletSubmit = {
    command: command ?? '',
    cpuCores: resources.integer('cpu_cores', true) ?? 0,
    gpuUnits: resources.integer('gpu_units', true) ?? 0,
    memoryMb: resources.integer('memory_mb', true) ?? 0,
    name: fields.string('name') ?? null,
    targetWorker: fields.string('target_worker') ?? null,
    gpuIndices: fields.integers('gpu_indices'),
    exclusive: fields.boolean('exclusive', true),
    labels: fields.strings('labels'),
    env: fields.strings('env'),
    venv: fields.string('venv') ?? null,
  };
  if (fields.problems.length > 0) throw new Unprocessable(fields.problems, body);
  return submit;
}

/** A whole number of the query, or the default. @throws {Unprocessable} */
export function queryInteger(
  query: Readonly<Record<string, unknown>>,
  key: string,
  otherwise: number,
): number {
  const fields = new Fields(lastOnes(query), ['query']);
  const value = fields.integer(key) ?? otherwise;
  if (fields.problems.length > 0) throw new Unprocessable(fields.problems, null);
  return value;
}

/** A repeated parameter counts as its last value. */
export function lastOnes(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([key, value]) => [key, Array.isArray(value) ? value.at(-1) : value]),
  );
}
