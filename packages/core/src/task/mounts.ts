/** `file_mounts` and `workdir`: local files, and where on the node a copy of them goes. */
import { expandPath, type Variables } from './envs.ts';
import type { Field } from './field.ts';
import { TASK_FIELDS } from './fields.ts';
import { fieldsAt } from './refuse.ts';

const MAX_MOUNTS = 1000;
const MAX_PATH = 4096;
/** Folders of the node's system: nothing is laid over them as a whole, nor anywhere in the first three. */
const KERNEL = ['/proc', '/sys', '/dev'];
const SYSTEM = [
  '/',
  '/bin',
  '/boot',
  '/etc',
  '/home',
  '/lib',
  '/lib64',
  '/opt',
  '/root',
  '/sbin',
  '/tmp',
  '/usr',
  '/var',
];

export interface PathOptions {
  readonly envs: Variables;
  readonly secrets: Variables;
  /** Fill in variables. */
  readonly expand: boolean;
}

/** Target on the node to local path. @throws {DroverError} INVALID_TASK */
export function parseMounts(field: Field | undefined, options: PathOptions): Record<string, string> {
  if (field === undefined || field.isEmpty) return {};
  const mounts: Record<string, string> = Object.create(null);
  const seen = new Map<string, string>();
  for (const [key, each] of field.entries()) {
    const target = parseTarget(
      each,
      options.expand ? expandPath(each, key, options.envs, options.secrets) : key,
    );
    const plain = plainPath(target);
    if (seen.has(plain)) each.refuse(`the same place as ${seen.get(plain)}`, { withoutValue: true });
    seen.set(plain, key);
    mounts[target] = parseSource(each, options);
  }
  if (seen.size > MAX_MOUNTS) field.refuse(`at most ${MAX_MOUNTS}`);
  return { ...mounts };
}

/** A local folder, or null. A repository is refused. */
export function parseWorkdir(field: Field | undefined, options: PathOptions): string | null {
  if (field === undefined || field.isEmpty) return null;
  if (typeof field.value === 'object') {
    fieldsAt(field, 'workdir', TASK_FIELDS);
    field.refuse('a local folder', { withoutValue: true });
  }
  if (field.optionalText() === null) return null;
  const path = parseLocal(field, options);
  return /^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(path)
    ? field.refuse('a local folder: a repository is not fetched yet, clone it in setup')
    : path;
}

function parseTarget(field: Field, target: string): string {
  const refuse = (rule: string): never =>
    field.refuse(`${JSON.stringify(target)}: ${rule}`, { withoutValue: true });
  if (target.trim() === '') refuse('a path on the node is expected');
  if (target.length > MAX_PATH) refuse(`at most ${MAX_PATH} characters`);
  if (target.includes('\0')) refuse('no NUL character');
  const plain = plainPath(target);
  if (plain.split('/').includes('..')) refuse('no ".." in a path on the node');
  if (SYSTEM.includes(plain) || KERNEL.some((folder) => plain === folder || plain.startsWith(`${folder}/`)))
    refuse('belongs to the system of the node');
  if (plain === '~' || plain === '.') refuse('a path below the home is expected, such as ~/data');
  if (/^~[^/]/.test(plain)) refuse('the home of another user cannot be written to');
  if (target.endsWith('/')) refuse('a path does not end in a slash');
  return target;
}

function parseSource(field: Field, options: PathOptions): string {
  if (typeof field.value === 'object' && !field.isEmpty && !Array.isArray(field.value)) {
    fieldsAt(field, 'file_mounts.*', TASK_FIELDS);
    field.refuse('a local file or folder is expected', { withoutValue: true });
  }
  const path = parseLocal(field, options);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    field.refuse('buckets and storage are not there yet: copy a local file or folder instead');
  }
  return path !== '/' && path.endsWith('/') ? field.refuse('a path does not end in a slash') : path;
}

function parseLocal(field: Field, { envs, secrets, expand }: PathOptions): string {
  const text = field.text().trim();
  const path = expand ? expandPath(field, text, envs, secrets) : text;
  return path.length <= MAX_PATH ? path : field.refuse(`at most ${MAX_PATH} characters`);
}

/** Without `.` and doubled slashes. */
function plainPath(path: string): string {
  const plain = path.replace(/\/+/g, '/').replace(/(?:^\.\/|\/\.(?=\/|$))+/g, '');
  return plain.length > 1 ? plain.replace(/\/$/, '') : plain;
}
