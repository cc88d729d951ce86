/** What a folder holds now: names, kinds, sizes and looks, without reading a file. */
import type { BigIntStats, Dirent } from 'node:fs';
import { brokenPathRule, DroverError, leavesTree, TREE_LIMITS } from '@drover/core';
import { IgnoreRules } from './ignore-rules.ts';
import { join, lstatSync, readdirSync, readlinkSync, realpathSync, resolve, statSync, turn } from './node.ts';

/** One file, folder or link. */
export interface Found {
  /** Relative, empty for a file that is sent by itself. */
  readonly path: string;
  readonly type: 'file' | 'dir' | 'link';
  readonly mode: number;
  readonly size: number;
  /** Changes with whatever is written to the file. */
  readonly look: string;
  /** When it was last written or changed, Unix milliseconds. */
  readonly changedMs: number;
  readonly target?: string;
}

export interface Listing {
  /** Absolute; the file itself when one file is sent. */
  readonly root: string;
  readonly found: readonly Found[];
}

/** How long other work of the program may have to wait. */
const SLICE_MS = 10;

/** The look of a file: see {@link Found}. */
export const lookOf = ({ size, mtimeNs, ctimeNs, ino }: BigIntStats): string =>
  `${size} ${mtimeNs} ${ctimeNs} ${ino}`;

/** @throws {DroverError} FILES_NOT_FOUND, FILES_UNREADABLE, FILES_REFUSED */
export async function listFolder(localPath: string, signal: AbortSignal | undefined): Promise<Listing> {
  const given = resolve(localPath);
  const stats = reading(given, () => statSync(given, { bigint: true }));
  const root = realpathSync(given);
  if (stats.isFile()) return { root, found: [foundOf('', 'file', stats)] };
  if (!stats.isDirectory()) throw odd(given, stats);
  const found: Found[] = [];
  const links = new Map<string, string>();
  let sliceMs = performance.now();
  const walk = async (path: string, rules: IgnoreRules): Promise<void> => {
    const folder = join(root, path);
    for (const entry of reading(folder, () => readdirSync(folder, { withFileTypes: true }))) {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`;
      if (rules.leavesOut(inner, entry.isDirectory())) continue;
      const one = look(root, inner, entry);
      if (one === null) continue;
      if (found.push(one) > TREE_LIMITS.entries)
        throw refused(
          root,
          `it holds more than ${TREE_LIMITS.entries} files and folders: name what is not needed in .skyignore`,
        );
      if (one.target !== undefined) links.set(inner, one.target);
      if (one.type === 'dir') await walk(inner, rules.inside(inner));
      // Synchronous looks are ten times as fast as others; in slices, so that the program goes on meanwhile.
      if (performance.now() - sliceMs < SLICE_MS) continue;
      await turn();
      signal?.throwIfAborted();
      sliceMs = performance.now();
    }
  };
  await walk('', IgnoreRules.of(root));
  for (const [path, target] of links) if (leavesTree(links, path)) throw away(join(root, path), target);
  return { root, found };
}

/** Null: it has gone since its folder was read. */
function look(root: string, path: string, entry: Dirent): Found | null {
  const full = join(root, path);
  const broken = brokenPathRule(path);
  if (broken !== null) throw refused(full, `its path breaks a rule: ${broken}`);
  let stats: BigIntStats | undefined;
  try {
    stats = lstatSync(full, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw unreadable(full, error);
  }
  if (!stats) {
    if (entry.name.includes('\ufffd')) throw refused(full, 'its name is not UTF-8: rename it');
    return null;
  }
  if (stats.isFile()) return foundOf(path, 'file', stats);
  if (stats.isDirectory()) return foundOf(path, 'dir', stats);
  if (!stats.isSymbolicLink()) throw odd(full, stats);
  return { ...foundOf(path, 'link', stats), target: reading(full, () => readlinkSync(full)) };
}

const foundOf = (path: string, type: Found['type'], stats: BigIntStats): Found => ({
  path,
  type,
  mode: Number(stats.mode) & 0o777,
  size: Number(stats.size),
  look: lookOf(stats),
  changedMs: Number(stats.mtimeMs > stats.ctimeMs ? stats.mtimeMs : stats.ctimeMs),
});

/** @throws {DroverError} FILES_NOT_FOUND, FILES_UNREADABLE */
export function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** What the system says of a file that cannot be read, in our words. */
export function unreadable(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new DroverError('FILES_NOT_FOUND', { path }, { cause: error });
  if (code === undefined) return error;
  const rule = code === 'EACCES' || code === 'EPERM' ? 'permission denied' : (error as Error).message;
  return new DroverError('FILES_UNREADABLE', { path, rule }, { cause: error });
}

const refused = (path: string, rule: string): DroverError => new DroverError('FILES_REFUSED', { path, rule });

function odd(path: string, stats: BigIntStats): DroverError {
  const what = stats.isSocket() ? 'a socket' : stats.isFIFO() ? 'a pipe' : 'a device';
  return refused(path, `it is ${what}: name it in .skyignore or .gitignore`);
}

function away(path: string, target: string): DroverError {
  const why = target.startsWith('/')
    ? `it is a link to ${target}, which is absolute: make it relative`
    : `it is a link to ${target}, which leaves the folder: put what it leads to in its place`;
  return new DroverError('FILES_REFUSED', {
    path,
    target,
    rule: `${why}, or name it in .skyignore or .gitignore`,
  });
}
