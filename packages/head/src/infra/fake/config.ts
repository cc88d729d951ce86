/** The file that describes fake infra: types, prices, stock, and what goes wrong. Read again whenever it has changed. */
import { readYaml } from '@drover/core/yaml';
import { z } from 'zod';
import { firstIssue } from '../issue.ts';

const seconds = z.number().min(0).max(86_400);
const price = z.number().min(0).max(100_000);
const label = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits and . _ -');
/** `*`, a type, `type@region`, `type@region/zone`, `*@region`. */
const selector = z.string().min(1).max(200);

const place = z.strictObject({
  region: label,
  zones: z.array(label).max(20).optional(),
  /** Overrides the price of the type there. */
  price: price.optional(),
  spotPrice: price.nullable().optional(),
  /** How many can run there at once. */
  stock: z.int().min(0).optional(),
});

const machineType = z.strictObject({
  type: label,
  cpus: z.number().positive().max(1024),
  memoryMiB: z.int().positive(),
  /** As for `drover worker --gpus`: `8xH100:80GB`. Its worker offers them, and there is nothing behind them. */
  gpus: z
    .string()
    .regex(/^\d{1,4}x[A-Za-z0-9][^:]{0,99}(:\d{1,7}(GB|GiB|MB|MiB))?$/)
    .optional(),
  price,
  spotPrice: price.nullable().default(null),
  startSeconds: seconds.nullable().default(null),
  places: z.array(place).max(100).optional(),
});

/** What goes wrong, while it stands in the file. */
export const fakeFaults = z.strictObject({
  /** Creating these finds no stock. */
  outOfStock: z.array(selector).default([]),
  /** Creating these exceeds a quota. */
  quota: z.array(selector).default([]),
  /** Nothing is allowed any more. */
  authRevoked: z.boolean().default(false),
  /** What is asked for costs so many times what the catalogue says. */
  priceFactor: z.number().positive().default(1),
  /** How long the calls take. */
  createDelayS: seconds.default(0),
  startDelayS: seconds.default(0),
  /** From the creation until the machine runs and its worker begins. */
  bootDelayS: seconds.default(0),
  /** The machine is made, and the call answers with an error. */
  createTimesOut: z.boolean().default(false),
  /** The call answers that it was made, and nothing was. */
  createVanishes: z.boolean().default(false),
  /** The call answers that it is being removed, and it stays. */
  terminateIgnored: z.boolean().default(false),
  /** The list is so old. */
  listDelayS: seconds.default(0),
  /** The list leaves every second machine out, other ones each time. */
  listPartial: z.boolean().default(false),
  /** The list fails; or every call does. */
  listFails: z.enum(['RATE_LIMITED', 'TRANSIENT', 'AUTH']).nullable().default(null),
  callsFail: z.enum(['RATE_LIMITED', 'TRANSIENT', 'AUTH']).nullable().default(null),
  /** The machine runs, and no worker begins. */
  neverJoins: z.boolean().default(false),
  /** A second worker begins with the same token, elsewhere. */
  joinsTwice: z.boolean().default(false),
});
export type FakeFaults = z.output<typeof fakeFaults>;

const fakeInfra = z.strictObject({
  types: z.array(machineType).min(1).max(1000),
  features: z
    .strictObject({ stop: z.boolean().default(true), spot: z.boolean().default(false) })
    .default({ stop: true, spot: false }),
  faults: fakeFaults.default(() => fakeFaults.parse({})),
});
export type FakeInfra = z.output<typeof fakeInfra>;
export type FakeType = FakeInfra['types'][number];

const fakeFile = z.record(label, fakeInfra);

/** A file that cannot be used; the message names the place in it. */
export class FakeConfigError extends Error {}

/** @param text YAML: names of infra, each with its types and faults. @throws {FakeConfigError} */
export function parseFakeConfig(text: string, file: string): ReadonlyMap<string, FakeInfra> {
  let value: unknown;
  try {
    value = readYaml(text, file)[0]?.value ?? {};
  } catch (cause) {
    throw new FakeConfigError((cause as Error).message, { cause });
  }
  const parsed = fakeFile.safeParse(value);
  if (!parsed.success) throw new FakeConfigError(`${file}: ${firstIssue(parsed.error)}`);
  return new Map(Object.entries(parsed.data));
}

/** Whether one of the selectors means this type at this place. */
export function isSelected(
  selectors: readonly string[],
  { type, region, zone }: { type: string; region: string | null; zone: string | null },
): boolean {
  return selectors.some((text) => {
    const [name, where] = text.split('@');
    if (name !== '*' && name !== type) return false;
    if (where === undefined) return true;
    return where === region || where === `${region}/${zone}`;
  });
}
