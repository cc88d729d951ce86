/** Where nodes may come from: `infra`, and the older `cloud`, `region` and `zone`. */
import type { Field } from './field.ts';

/** Null: any. */
export interface Location {
  readonly infra: string | null;
  readonly region: string | null;
  readonly zone: string | null;
}

/** Kinds whose second part is a name of the user's choice, and that have no regions. */
const NAMED = ['pool', 'ssh', 'slurm'];
const KIND_NAMES: Readonly<Record<string, string>> = { kubernetes: 'k8s' };
const PART = /^[A-Za-z0-9*][A-Za-z0-9*._@:-]{0,254}$/;

/** Reads `pool/lab`, `ssh/lab`, `local`, `fake/demo/eu/eu-1`, `aws/us-east-1`, `k8s/<context>`; `*` is any. */
export function parseInfra(field: Field): Location {
  const text = field.text().trim();
  if (text.length > 255) field.refuse('at most 255 characters');
  const [first = '', ...rest] = text.split('/');
  const kind = KIND_NAMES[first.toLowerCase()] ?? first.toLowerCase();
  // The name of a context may have slashes in it.
  const parts = kind === 'k8s' && rest.length > 0 ? [rest.join('/')] : rest;
  const isOdd = (part: string) => !PART.test(kind === 'k8s' ? part.replaceAll('/', '-') : part);
  if (!PART.test(first) || parts.some(isOdd)) field.refuse('infra[/region[/zone]], such as pool/default');
  if (kind === 'local') {
    if (parts.length > 0) field.refuse('local has no parts');
    return { infra: 'local', region: null, zone: null };
  }
  if (NAMED.includes(kind) || kind === 'k8s') {
    if (parts.length > 1) field.refuse(`${kind} has a name and no regions: ${kind}/<name>`);
    return { infra: joined(kind, parts[0]), region: null, zone: null };
  }
  const isFake = kind === 'fake';
  const [name, region, zone, ...more] = isFake ? parts : [undefined, ...parts];
  if (more.length > 0) field.refuse(isFake ? 'fake/<name>[/region[/zone]]' : 'infra[/region[/zone]]');
  return { infra: joined(kind, name), region: orAny(region), zone: orAny(zone) };
}

/** `cloud`, `region` and `zone` exclude `infra`. */
export function parseLocation(fields: ReadonlyMap<string, Field>): Location {
  const said = (key: string) => {
    const field = fields.get(key);
    return field?.isEmpty === false ? field : undefined;
  };
  const [infra, cloud, region, zone] = ['infra', 'cloud', 'region', 'zone'].map(said);
  const older = cloud ?? region ?? zone;
  if (infra !== undefined) {
    if (older !== undefined) infra.refuse(`says it all: ${older.path.at(-1)} cannot stand beside it`);
    return parseInfra(infra);
  }
  const place = cloud === undefined ? { infra: null, region: null, zone: null } : parseInfra(cloud);
  return {
    infra: place.infra,
    region: region === undefined ? place.region : part(region),
    zone: zone !== undefined ? part(zone) : region === undefined ? place.zone : null,
  };
}

function part(field: Field): string | null {
  const text = field.text().trim();
  return PART.test(text) ? orAny(text) : field.refuse('a name without blanks and slashes');
}

const orAny = (text: string | undefined): string | null => (text === undefined || text === '*' ? null : text);

/** `pool` and `pool/*` are any pool; `*` is anything. */
function joined(kind: string, name: string | undefined): string | null {
  if (kind === '*') return null;
  return name === undefined || name === '*' ? kind : `${kind}/${name}`;
}
