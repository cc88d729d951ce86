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
  /** Parts of targets that are followed to judge its links, in all. */
  linkParts: 4_000_000,
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

/** Where a link leads: out of the tree, nowhere, or to a path, after so many links in a row. */
type Lead = { readonly to: 'out' | 'nowhere' | readonly string[]; readonly hops: number };

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Judges the links of one tree. What a link was found to be is remembered. */
class LinkJudge {
  readonly #links: ReadonlyMap<string, string>;
  readonly #found = new Map<string, Lead>();
  /** Being followed: one that comes to itself again ends nowhere. */
  readonly #open = new Set<string>();
  /** The last parts of all links: the path so far is put together only at one of them. */
  readonly #names = new Set<string>();
  #parts = 0;

  constructor(links: ReadonlyMap<string, string>) {
    this.#links = links;
    for (const path of links.keys()) this.#names.add(nameOf(path));
  }

  /** @throws {DroverError} INVALID_REQUEST when the links of the tree have too many parts to follow */
  leaves(path: string): boolean {
    const target = this.#links.get(path);
    return target !== undefined && this.#lead(path, target).to === 'out';
  }

  #lead(path: string, target: string): Lead {
    const known = this.#found.get(path);
    if (known !== undefined) return known;
    // Deeper than that it is nowhere for whoever began, and not known for this one.
    if (this.#open.has(path) || this.#open.size >= MOST_HOPS) return { to: 'nowhere', hops: MOST_HOPS + 1 };
    this.#open.add(path);
    const lead = this.#follow(path, target);
    this.#open.delete(path);
    // Most links are met once, so only what was met on the way is kept; what ends nowhere is known from its own start.
    if ((lead.to === 'nowhere') === (this.#open.size === 0)) this.#found.set(path, lead);
    return lead;
  }

  #follow(path: string, target: string): Lead {
    const nowhere: Lead = { to: 'nowhere', hops: MOST_HOPS + 1 };
    let hops = 1;
    // What it costs to begin, in parts.
    this.#parts += 4;
    if (target.startsWith('/')) return { to: 'out', hops };
    let at = path.split('/').slice(0, -1);
    for (const part of target.split('/')) {
      // The path so far may be looked up at each part, so each counts by how long that is.
      this.#parts += 1 + (at.length >> 3);
      if (this.#parts > TREE_LIMITS.linkParts)
        throw invalid('entries', `links with at most ${TREE_LIMITS.linkParts} parts to follow in all`);
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (at.pop() === undefined) return { to: 'out', hops };
        continue;
      }
      at.push(part);
      if (!this.#names.has(part)) continue;
      const inner = at.join('/');
      const next = this.#links.get(inner);
      if (next === undefined) continue;
      const lead = this.#lead(inner, next);
      hops += lead.hops;
      if (hops > MOST_HOPS || lead.to === 'nowhere') return nowhere;
      if (lead.to === 'out') return { to: 'out', hops };
      at = [...lead.to];
    }
    return { to: at, hops };
  }
}

/** One for each map of links while it lives; a map does not change once its links are judged. */
const judges = new WeakMap<ReadonlyMap<string, string>, LinkJudge>();

/**
 * True when the link leads out of its tree: an absolute target, or more ".." than there are folders above, with other
 * links of the tree followed on the way. One that ends nowhere inside does not.
 * @param links all links of the tree, by path; they do not change from one call to the next
 * @throws {DroverError} INVALID_REQUEST when the links have more than {@link TREE_LIMITS}.linkParts parts to follow
 */
export function leavesTree(links: ReadonlyMap<string, string>, path: string): boolean {
  let judge = judges.get(links);
  if (judge === undefined) {
    judge = new LinkJudge(links);
    judges.set(links, judge);
  }
  return judge.leaves(path);
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
