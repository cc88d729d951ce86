/** `resources` of a task file as the choices that would do, best or in order. */
import type { ResourcesChoice, ResourcesSpec } from '../wire/task.ts';
import { type Accelerators, parseAccelerators } from './accelerators.ts';
import { parseCpus, parseDiskGiB, parseMemory } from './amounts.ts';
import { parseAutostop } from './autostop.ts';
import type { Field } from './field.ts';
import { type FieldRule, INTERNAL_FIELDS, TASK_FIELDS } from './fields.ts';
import { parseLocation } from './infra.ts';
import { parsePorts } from './ports.ts';
import { parseRecovery } from './recovery.ts';
import { fieldsAt } from './refuse.ts';

type Fields = ReadonlyMap<string, Field>;
const LOCATION = ['infra', 'cloud', 'region', 'zone'];
const MAX_CHOICES = 100;

/** What {@link parseResources} takes besides the field. */
export interface ResourcesOptions {
  /** In a file's words; they win over each choice. */
  readonly override?: Field;
  /** Keys that SkyPilot's own client adds are known. */
  readonly internalKeys?: boolean;
}

/**
 * Reads `resources`. `any_of` and `ordered` lie over the fields beside them, and the override over all.
 * @returns null when nothing is asked for. @throws {DroverError} INVALID_TASK
 */
export function parseResources(
  field: Field | undefined,
  options: ResourcesOptions = {},
): ResourcesChoice | null {
  const rules = options.internalKeys ? [...TASK_FIELDS, ...INTERNAL_FIELDS] : TASK_FIELDS;
  const read = (each: Field | undefined): Map<string, Field> =>
    each === undefined || each.isEmpty ? new Map() : fieldsAt(each, 'resources', rules);
  const outer = read(field);
  const override = read(options.override);
  const several = severalOf(outer);
  outer.delete('any_of');
  outer.delete('ordered');
  if (outer.size === 0 && override.size === 0 && several === null) return null;
  if (field !== undefined) checkAlone(outer, several);
  const partials = several?.items.map((item) => readPartial(item, rules)) ?? [new Map<string, Field>()];
  const choices = new Choices(several?.field ?? field);
  const parsed = partials.map((partial) => {
    const { mode, spec, accelerators } = parseFields(overlay(overlay(outer, partial), override));
    choices.add(spec, accelerators);
    return { mode };
  });
  const mode = modeOf(several?.mode ?? null, parsed, several?.field ?? outer.get('accelerators') ?? field);
  return { mode, choices: choices.all() };
}

/** What is refused alone is refused also where every choice says something else. */
function checkAlone(outer: Fields, several: unknown): void {
  if (several !== null) parseFields(new Map([...outer].filter(([key]) => key !== 'memory')));
}

function severalOf(outer: Fields): { mode: ResourcesChoice['mode']; field: Field; items: Field[] } | null {
  const said = (['any_of', 'ordered'] as const).flatMap((mode) => {
    const field = outer.get(mode);
    return field && !field.isEmpty ? [{ mode, field }] : [];
  });
  const [first, second] = said;
  if (first === undefined) return null;
  second?.field.refuse('any_of and ordered exclude each other', { withoutValue: true });
  const { value } = first.field;
  if (Array.isArray(value) && value.length > MAX_CHOICES)
    first.field.refuse(`at most ${MAX_CHOICES} choices`, { withoutValue: true });
  const items = first.field.items();
  if (items.length === 0) first.field.refuse('at least one', { withoutValue: true });
  return { ...first, items };
}

function readPartial(item: Field, rules: readonly FieldRule[]): Map<string, Field> {
  const fields = fieldsAt(item, 'resources', rules);
  for (const key of ['any_of', 'ordered'])
    fields.get(key)?.refuse('lists of choices do not nest', { withoutValue: true });
  return fields;
}

/** `upper` wins. Another infra takes region and zone with it: no zone of one is asked of another. */
function overlay(lower: Fields, upper: Fields): Map<string, Field> {
  const merged = new Map(lower);
  const isElsewhere =
    upper.has('infra') || (upper.has('cloud') && (lower.has('cloud') || lower.has('infra')));
  if (isElsewhere) for (const key of LOCATION) merged.delete(key);
  const infra = lower.get('infra');
  if ((upper.has('region') || upper.has('zone')) && infra !== undefined && !upper.has('infra')) {
    // As if it had been said in the older words.
    merged.delete('infra');
    merged.set('cloud', infra);
  }
  for (const [key, field] of upper) merged.set(key, field);
  return merged;
}

/** Of several choices, each with several accelerators: all in their order, or any of all. */
function modeOf(
  said: ResourcesChoice['mode'] | null,
  parsed: readonly { mode: ResourcesChoice['mode'] | null }[],
  field: Field | undefined,
): ResourcesChoice['mode'] {
  const modes = new Set([said, ...parsed.map((each) => each.mode)].filter((mode) => mode !== null));
  if (modes.size > 1) {
    field?.refuse('an order and a free choice cannot be mixed', {
      withoutValue: true,
      hint: 'a list is an order, a map of accelerators a free choice',
    });
  }
  return [...modes][0] ?? 'any_of';
}

/** `accelerators` is null where none are said; each of them is a choice with the rest of `spec`. */
interface ParsedFields {
  readonly mode: ResourcesChoice['mode'] | null;
  readonly spec: ResourcesSpec;
  readonly accelerators: readonly Accelerators[] | null;
}

function parseFields(fields: Fields): ParsedFields {
  const said = (key: string): Field | undefined => {
    const field = fields.get(key);
    return field === undefined || field.isEmpty ? undefined : field;
  };
  const cpusField = said('cpus');
  const memoryField = said('memory');
  const diskField = said('disk_size');
  const acceleratorsField = said('accelerators');
  const cpus = cpusField === undefined ? null : parseCpus(cpusField);
  const spec: ResourcesSpec = {
    ...parseLocation(fields),
    instanceType: said('instance_type')?.text().trim() ?? null,
    cpus,
    memoryGiB: memoryField === undefined ? null : parseMemory(memoryField, cpus),
    accelerators: null,
    useSpot: said('use_spot')?.boolean() ?? false,
    diskSizeGiB: diskField === undefined ? null : parseDiskGiB(diskField),
    diskTier: said('disk_tier')?.word(['low', 'medium', 'high', 'ultra', 'best', 'none']) ?? null,
    networkTier: said('network_tier')?.word(['standard', 'best']) ?? null,
    ports: parsePorts(said('ports')),
    labels: parseLabels(said('labels')),
    imageId: null,
    autostop: parseAutostop(said('autostop')),
    priority: said('priority')?.integer(-1000, 1000) ?? null,
    jobRecovery: parseRecovery(said('job_recovery')),
  };
  if (acceleratorsField === undefined) return { mode: null, spec, accelerators: null };
  const { mode, choices } = parseAccelerators(acceleratorsField);
  return { mode, spec, accelerators: choices };
}

function parseLabels(field: Field | undefined): Record<string, string> {
  if (field === undefined) return {};
  const entries = [...field.entries()];
  if (entries.length > 64) field.refuse('at most 64 labels');
  return Object.fromEntries(entries.map(([key, value]) => [key, parseLabel(key, value)]));
}

function parseLabel(key: string, field: Field): string {
  if (typeof field.value === 'object' && !field.isEmpty) field.refuse('text is expected');
  const value = field.isEmpty ? '' : field.written;
  if (key === '' || key.length > 63) field.refuse('the key of a label has 1 to 63 characters');
  if (value.length > 255) field.refuse('at most 255 characters');
  return /\p{Cc}/u.test(key + value) ? field.refuse('no control characters', { withoutValue: true }) : value;
}

/** Equal choices once: their first place counts. One too many is refused when it comes, before more are made. */
class Choices {
  readonly #field: Field | undefined;
  readonly #byKey = new Map<string, ResourcesSpec>();
  /** Each text of a choice without accelerators, by number: it is long, and comes with each of them. */
  readonly #numbers = new Map<string, number>();

  constructor(field: Field | undefined) {
    this.#field = field;
  }

  /** @throws {DroverError} INVALID_TASK */
  add(spec: ResourcesSpec, accelerators: readonly Accelerators[] | null): void {
    const text = JSON.stringify(spec);
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    for (const each of accelerators ?? [null]) {
      const key = JSON.stringify([number, each]);
      if (this.#byKey.has(key)) continue;
      if (this.#byKey.size >= MAX_CHOICES) this.#field?.refuse(`at most ${MAX_CHOICES} choices`);
      this.#byKey.set(key, { ...spec, accelerators: each });
    }
  }

  all(): ResourcesSpec[] {
    return [...this.#byKey.values()];
  }
}
