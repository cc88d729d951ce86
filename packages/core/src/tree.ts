/**
 * A tree: what a folder holds, by content. It is named by the SHA-256 of its canonical text, which is JSON with one entry
 * per line, so that trees of any length can be read and written piece by piece:
 *
 *     {"v":1,"entries":[
 *     {"path":"a","type":"dir","mode":493},
 *     {"path":"a/run.sh","type":"file","mode":493,"size":12,"sha256":"..."}
 *     ]}
 *
 * Entries are sorted by path (UTF-16 code units), each path once. Folders above an entry need no entry of their own; they
 * then have mode 0755. A tree that stands for one file has one entry, whose path is empty.
 */
import { type DroverError, invalid } from './drover-error.ts';

/** `mode`: the nine permission bits. `size`: bytes. `target`: where a link leads, relative, within the tree. */
export interface TreeEntry {
  readonly path: string;
  readonly type: 'file' | 'dir' | 'link';
  readonly mode?: number | undefined;
  readonly size?: number | undefined;
  readonly sha256?: string | undefined;
  readonly target?: string | undefined;
}

export interface TreeManifest {
  readonly v: 1;
  readonly entries: readonly TreeEntry[];
}

/** Bounds of one tree; bytes where the name says so. */
export const TREE_LIMITS = {
  entries: 250_000,
  pathBytes: 4096,
  nameBytes: 255,
  fileBytes: 2 ** 40,
  /** The longest line of the canonical text, in characters. */
  line: 64 * 1024,
} as const;

export const TREE_BEGIN = '{"v":1,"entries":[';
export const TREE_END = ']}';
const SHA256 = /^[0-9a-f]{64}$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The id of content or of a tree: SHA-256 in lower-case hex. */
export const isSha256 = (text: unknown): text is string => typeof text === 'string' && SHA256.test(text);

/** The canonical JSON of one entry. */
function entryText(entry: TreeEntry): string {
  const { path, type, mode, size, sha256, target } = entry;
  return JSON.stringify({ path, type, mode, size, sha256, target });
}

/** Writes the canonical text piece by piece. The entries come sorted. */
export class TreeWriter {
  #before = `${TREE_BEGIN}\n`;

  entry(entry: TreeEntry): string {
    const text = this.#before + entryText(entry);
    this.#before = ',\n';
    return text;
  }

  end(): string {
    return this.#before === ',\n' ? `\n${TREE_END}\n` : `${this.#before}${TREE_END}\n`;
  }
}

/** The canonical text of sorted entries, in pieces. */
export function* treeText(entries: Iterable<TreeEntry>): Generator<string> {
  const writer = new TreeWriter();
  for (const entry of entries) yield writer.entry(entry);
  yield writer.end();
}

/** The order of the entries of a tree. */
export const byPath = (a: TreeEntry, b: TreeEntry): number =>
  a.path < b.path ? -1 : a.path > b.path ? 1 : 0;

/** The entry on one line of a canonical text; null for its first and last. @throws {SyntaxError} */
export function parseTreeLine(line: string): unknown {
  if (line === TREE_BEGIN || line === TREE_END || line === '') return null;
  return JSON.parse(line.endsWith(',') ? line.slice(0, -1) : line) as unknown;
}

/** What a path of an entry breaks, or null. */
export function brokenPathRule(path: string): string | null {
  if (path.includes('\0')) return 'no NUL character';
  if (path.startsWith('/')) return 'a relative path';
  if (path.length * 3 > TREE_LIMITS.pathBytes && utf8Bytes(path) > TREE_LIMITS.pathBytes)
    return `at most ${TREE_LIMITS.pathBytes} bytes`;
  for (const part of path.split('/')) {
    if (part === '') return 'no empty part';
    if (part === '.' || part === '..') return 'no part "." or ".."';
    if (part.length * 3 > TREE_LIMITS.nameBytes && utf8Bytes(part) > TREE_LIMITS.nameBytes)
      return `each part at most ${TREE_LIMITS.nameBytes} bytes`;
  }
  return LONE_SURROGATE.test(path) ? 'valid Unicode' : null;
}

const KEYS: Readonly<Record<TreeEntry['type'], readonly string[]>> = {
  file: ['path', 'type', 'mode', 'size', 'sha256'],
  dir: ['path', 'type', 'mode'],
  link: ['path', 'type', 'target'],
};
const isCount = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;

/**
 * Checks the entries of a tree as they come, each against those before it. Memory: the paths of its files and links.
 * @throws {DroverError} INVALID_REQUEST with the field (`entries.3.path`) and the rule
 */
export class TreeCheck {
  files = 0;
  bytes = 0;
  #count = 0;
  #last = '';
  /** Files and links: nothing may lie below them. */
  readonly #leaves = new Set<string>();
  readonly #links = new Map<string, string>();
  readonly #linkAt = new Map<string, number>();

  /** The next entry, typed. */
  take(value: unknown): TreeEntry {
    const at = this.#count++;
    if (at >= TREE_LIMITS.entries) throw invalid('entries', `at most ${TREE_LIMITS.entries}`);
    const broken = (field: string, rule: string, found?: unknown): DroverError =>
      invalid(`entries.${at}.${field}`, rule, found);
    if (typeof value !== 'object' || value === null) throw invalid(`entries.${at}`, 'an object', value);
    const entry = value as TreeEntry;
    const { path, type } = entry;
    const keys = KEYS[type];
    if (!Object.hasOwn(KEYS, type) || keys === undefined) throw broken('type', 'file, dir or link', type);
    for (const key of Object.keys(entry)) {
      const isUnset = (entry as unknown as Record<string, unknown>)[key] === undefined;
      if (!keys.includes(key) && !isUnset) throw broken(key, `is not a field of a ${type}`);
    }
    if (typeof path !== 'string') throw broken('path', 'a string', path);
    this.#checkPlace(entry, at, broken);
    if (type === 'link') {
      const { target } = entry;
      if (typeof target !== 'string' || target === '' || target.length > TREE_LIMITS.pathBytes)
        throw broken('target', `1 to ${TREE_LIMITS.pathBytes} characters`, target);
      if (target.includes('\0') || LONE_SURROGATE.test(target))
        throw broken('target', 'no NUL character, valid Unicode');
      this.#links.set(path, target);
      this.#linkAt.set(path, at);
    } else if (!isCount(entry.mode, 0o777)) {
      throw broken(
        'mode',
        'permission bits, at most 0777 (511): no setuid, setgid or sticky bit',
        entry.mode,
      );
    }
    if (type !== 'dir') this.#leaves.add(path);
    if (type === 'file') {
      if (!isCount(entry.size, TREE_LIMITS.fileBytes))
        throw broken('size', `bytes, at most ${TREE_LIMITS.fileBytes}`, entry.size);
      if (!isSha256(entry.sha256)) throw broken('sha256', 'a SHA-256 in lower-case hex', entry.sha256);
      this.files += 1;
      this.bytes += entry.size;
    }
    return entry;
  }

  /** All entries have come: what can be judged only now. */
  end(): void {
    if (this.#leaves.has('') && this.#count > 1)
      throw invalid('entries.0.path', 'may be empty only when it is the only entry');
    for (const path of this.#links.keys()) {
      const away = leavesTree(this.#links, path);
      if (away)
        throw invalid(
          `entries.${this.#linkAt.get(path)}.target`,
          `the link "${path}" must stay within the tree`,
          this.#links.get(path),
        );
    }
  }

  #checkPlace(
    { path, type }: TreeEntry,
    at: number,
    broken: (field: string, rule: string, found?: unknown) => DroverError,
  ): void {
    if (path === '') {
      if (type !== 'file' || at > 0) throw broken('path', 'may be empty only for a file that is the tree');
      return;
    }
    const rule = brokenPathRule(path);
    if (rule !== null) throw broken('path', rule, path);
    if (at > 0 && path === this.#last) throw broken('path', 'each path once', path);
    if (at > 0 && path < this.#last) throw broken('path', 'entries are sorted by path', path);
    this.#last = path;
    for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
      const above = path.slice(0, end);
      if (this.#leaves.has(above)) throw broken('path', `"${above}" is no folder`, path);
    }
  }
}

/** More links in a row than a kernel follows: it ends nowhere. */
const MOST_HOPS = 40;

/**
 * True when the link leads out of its tree: an absolute target, or more ".." than there are folders above, with other
 * links of the tree followed on the way. One that ends nowhere inside does not.
 */
export function leavesTree(links: ReadonlyMap<string, string>, path: string): boolean {
  const at: string[] = path.split('/').slice(0, -1);
  const todo = [path.slice(path.lastIndexOf('/') + 1)];
  for (let hops = 0; todo.length > 0; ) {
    const part = todo.shift() as string;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at.pop() === undefined) return true;
      continue;
    }
    at.push(part);
    const target = links.get(at.join('/'));
    if (target === undefined) continue;
    if (target.startsWith('/')) return true;
    if (++hops > MOST_HOPS) return false;
    at.pop();
    todo.unshift(...target.split('/'));
  }
  return false;
}

/** Bytes of the text in UTF-8. */
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
