/** Where this process stands in the cgroup trees. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface OwnCgroups {
  /** Folder of this process in the unified tree (pure v2, or v2 beside v1); null when it is not mounted. */
  readonly v2: string | null;
  /** Folder per v1 controller. */
  readonly v1: ReadonlyMap<string, string>;
  /** Mount points: no folder above them is ours to read. */
  readonly roots: readonly string[];
}

/**
 * Parses /proc/self/cgroup against /proc/self/mountinfo. In a container the mount shows only a part of the tree: its
 * root is then taken off the path.
 */
export function parseOwnCgroups(cgroup: string, mountinfo: string): OwnCgroups {
  const paths = new Map<string, string>();
  for (const line of cgroup.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    for (const controller of (match[1] ?? '').split(',')) paths.set(controller, match[2] ?? '/');
  }
  let v2: string | null = null;
  const v1 = new Map<string, string>();
  const roots: string[] = [];
  for (const line of mountinfo.split('\n')) {
    const [left, right] = line.split(' - ');
    const [, , , root, point] = (left ?? '').split(' ');
    const [type, , options] = (right ?? '').split(' ');
    if (root === undefined || point === undefined) continue;
    const folder = (path: string) =>
      join(point, root === '/' || !path.startsWith(root) ? path : path.slice(root.length)).replace(
        /(.)\/$/,
        '$1',
      );
    if (type === 'cgroup2') {
      v2 = folder(paths.get('') ?? '/');
      roots.push(point);
    } else if (type === 'cgroup') {
      roots.push(point);
      for (const controller of (options ?? '').split(',')) {
        const path = paths.get(controller);
        if (path !== undefined) v1.set(controller, folder(path));
      }
    }
  }
  return { v2, v1, roots };
}

/** Null where /proc does not tell. */
export function ownCgroupsOrNull(): OwnCgroups | null {
  try {
    return parseOwnCgroups(
      readFileSync('/proc/self/cgroup', 'utf8'),
      readFileSync('/proc/self/mountinfo', 'utf8'),
    );
  } catch {
    return null;
  }
}
