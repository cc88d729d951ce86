/** Where the files of an order lie: the rule for targets, as far as it can be said without looking at the disk. */
import { LaunchError } from './ports.ts';

/** The folder in the home in which a command begins, when it is there. */
export const WORKDIR = 'workdir';
/** What stands for it under its older name: a link in each home. */
export const OLD_WORKDIR = 'sky_workdir';
/** Below it in the home lies what has an absolute target. */
export const MOUNTS = 'mounts';

/** One tree and its place. */
export interface Place {
  readonly tree: string;
  /** As it was asked for, for messages. */
  readonly target: string;
  /** Relative to the home, without `.`, `..` and empty parts. */
  readonly path: string;
  /** The absolute path that becomes a link to it; null for what lies in the home only. */
  readonly linkAt: string | null;
}

/** The system's own: nothing is linked there, whoever the worker runs as. */
const SYSTEM = /^\/(?:bin|boot|dev|etc|lib|lib32|lib64|libx32|proc|run|sbin|sys)(?:\/|$)/;
const MOST_LENGTH = 4096;

/** True when nothing of ours may be at this absolute path. */
export const isSystemPath = (path: string): boolean => path === '/' || SYSTEM.test(path);

/**
 * `~/x` and `x` lie in the home. `/x/y` lies at `mounts/x/y` in the home, and `/x/y` becomes a link to it.
 * @returns the places, outer ones first
 * @throws {LaunchError} MOUNT_REFUSED
 */
export function planPlaces(files: readonly { readonly tree: string; readonly target: string }[]): Place[] {
  const places = files.map(({ tree, target }) => planPlace(tree, target));
  const taken = new Map<string, string>();
  for (const { path, target } of places) {
    const other = taken.get(path);
    if (other !== undefined)
      throw refused(target, `it is the same place as the target ${other}: name each once`);
    taken.set(path, target);
  }
  return places.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function planPlace(tree: string, target: string): Place {
  if (target.includes('\0')) throw refused(target.replaceAll('\0', '?'), 'it holds a NUL character');
  if (target.length > MOST_LENGTH) throw refused(target.slice(0, 80), `it is longer than ${MOST_LENGTH}`);
  const isAbsolute = target.startsWith('/');
  if (target.startsWith('~') && target !== '~' && !target.startsWith('~/'))
    throw refused(target, "it is another user's home: only ~/ is known here");
  const inHome = target === '~' ? '' : target.startsWith('~/') ? target.slice(2) : target;
  const parts = inHome.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refused(target, 'it has ".." in it: name the place itself');
  if (!isAbsolute) {
    if (parts.length === 0)
      throw refused(target, 'it is the home itself: name a place below it, such as ~/data');
    if (parts[0] === OLD_WORKDIR) parts[0] = WORKDIR;
    return { tree, target, path: parts.join('/'), linkAt: null };
  }
  const linkAt = `/${parts.join('/')}`;
  if (isSystemPath(linkAt))
    throw refused(target, 'it belongs to the system: choose a target below ~, or another absolute path');
  return { tree, target, path: [MOUNTS, ...parts].join('/'), linkAt };
}

/** A refused target: what, why, and what to do. */
export const refused = (target: string, why: string): LaunchError =>
  new LaunchError('MOUNT_REFUSED', `nothing can be mounted at ${target}: ${why}`);
