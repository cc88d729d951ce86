/** What nobody needs any more is let go of. */
import { createReadStream, statSync, unlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { TreeEntry } from '@drover/core';
import type { Places } from './places.ts';
import type { Presence } from './presence.ts';
import { entriesOf } from './tree-text.ts';

/** How long something stays after it was last sent or asked for: a task may be about to name it. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** What went. */
export interface Swept {
  readonly trees: number;
  readonly contents: number;
  readonly bytes: number;
}

/** Trees that are not needed and old, then contents that no tree holds and old, and uploads that nobody went on with. */
export async function sweepFiles(
  places: Places,
  presence: Presence,
  isNeeded: (tree: string) => boolean,
): Promise<Swept> {
  const swept = { trees: 0, contents: 0, bytes: 0 };
  const held = new Set<string>();
  for (const shard of places.shards()) {
    for (const tree of await readdir(join(places.dir, 'trees', shard))) {
      const path = join(places.dir, 'trees', shard, tree);
      if (!isNeeded(tree) && unlinkOld(path) !== null) {
        swept.trees += 1;
        continue;
      }
      for await (const entry of entriesOf(createReadStream(path)))
        if ((entry as TreeEntry).sha256 !== undefined) held.add(short((entry as TreeEntry).sha256 as string));
    }
  }
  const lookAt = async (folder: string): Promise<void> => {
    for (const sha256 of await readdir(join(places.dir, folder))) {
      if (held.has(short(sha256))) continue;
      const bytes = unlinkOld(join(places.dir, folder, sha256));
      if (bytes === null) continue;
      presence.forget(sha256);
      swept.contents += 1;
      swept.bytes += bytes;
    }
    await turn();
  };
  for (const shard of places.shards()) await lookAt(join('content', shard));
  await lookAt('partial');
  return swept;
}

/** Half of a hash: as good for knowing one's own, and half the memory. */
const short = (sha256: string): string => sha256.slice(0, 32);

/** Looks and unlinks in one go, so that what is renewed meanwhile is not lost. @returns its bytes, null when it stays */
function unlinkOld(path: string): number | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found || Date.now() - found.mtimeMs < KEPT_MS) return null;
  unlinkSync(path);
  return found.size;
}
