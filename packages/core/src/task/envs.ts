/** Variables of a task: what the file says, what the launch says, and paths that name them. */
import { ENV_KEY, ENV_KEY_RULE } from '../env-keys.ts';
import { Field } from './field.ts';

const MAX_VARIABLES = 1024;
const OPTION = { envs: '--env', secrets: '--secret' } as const;

/** Variables of the launch: they win over the file. */
export type Variables = Readonly<Record<string, string>>;

/**
 * Reads `envs` or `secrets`. Values are taken as they are written, so 1.10 stays 1.10; null must be given by the launch.
 * @throws {DroverError} INVALID_TASK; values are in none of its texts
 */
export function parseVariables(
  field: Field | undefined,
  kind: 'envs' | 'secrets',
  given: Variables,
): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  const missing: string[] = [];
  const fields = field === undefined || field.isEmpty ? new Map<string, Field>() : field.entries();
  for (const [key, each] of fields) {
    checkKey(each, key);
    if (Object.hasOwn(given, key)) continue;
    if (each.isEmpty) missing.push(key);
    else if (typeof each.value === 'object') each.refuse('a text or null is expected');
    else values[key] = withoutNul(each, each.written);
  }
  const [first] = missing;
  if (first !== undefined) {
    fields.get(first)?.refuse(missing.length === 1 ? 'no value' : `no value for ${missing.join(', ')}`, {
      withoutValue: true,
      hint: `give one with ${missing.map((key) => `${OPTION[kind]} ${key}=...`).join(' ')}`,
    });
  }
  for (const [key, value] of Object.entries(given)) {
    const each = Field.of(value, 'yaml', [kind, key]);
    checkKey(each, key);
    values[key] = withoutNul(each, value);
  }
  if (Object.keys(values).length > MAX_VARIABLES) field?.refuse(`at most ${MAX_VARIABLES} variables`);
  return { ...values };
}

function checkKey(field: Field, key: string): void {
  if (!ENV_KEY.test(key)) field.refuse(`the name of a variable: ${ENV_KEY_RULE}`, { withoutValue: true });
  if (key.startsWith('DROVER_')) field.refuse('the prefix DROVER_ is reserved', { withoutValue: true });
}

function withoutNul(field: Field, value: string): string {
  return value.includes('\0') ? field.refuse('no NUL character', { withoutValue: true }) : value;
}

/**
 * `$NAME` and `${NAME}` of a path by their values. Only `envs` are filled in: what else has a `$` would be taken for the
 * name of a file, so it is refused; and secrets are, because paths are shown.
 */
export function expandPath(field: Field, text: string, envs: Variables, secrets: Variables): string {
  return text.replace(
    /\$(?:\{([^}]*)\}?|([A-Za-z_][A-Za-z0-9_]*))/g,
    (whole, braced?: string, bare?: string) => {
      const key = braced ?? bare ?? '';
      if (Object.hasOwn(secrets, key))
        field.refuse(`${whole} is a secret, and paths are shown`, { withoutValue: true });
      if (!Object.hasOwn(envs, key)) field.refuse(`${whole} is not among envs`, { withoutValue: true });
      return envs[key] ?? '';
    },
  );
}
