/** The bodies and queries of PyLet, read into types. */
import { Fields, isObject, NOT_AN_OBJECT, Unprocessable } from './fields.ts';

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
  if (!isObject(body)) {
    const problem =
      body === undefined || body === null
        ? { type: 'missing', loc: ['body'], msg: 'Field required', input: null }
        : { type: 'model_attributes_type', loc: ['body'], msg: NOT_AN_OBJECT, input: body };
    throw new Unprocessable([problem], body ?? null);
  }
  const fields = new Fields(body, ['body']);
  const command = fields.string('command', true);
  const resources = fields.object('resource_requirements');
  const submit: PyletSubmit = {
    command: command ?? '',
    cpuCores: resources.integer('cpu_cores', true) ?? 0,
    gpuUnits: resources.integer('gpu_units', true) ?? 0,
    memoryMb: resources.integer('memory_mb', true) ?? 0,
    name: fields.string('name') ?? null,
    targetWorker: fields.string('target_worker') || null,
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
