import type { TreeManifest } from '@drover/core';
import { expect, it } from 'vitest';
import { FileGrants } from './grants.ts';

const treeOf = (...hashes: string[]): TreeManifest =>
  ({ entries: hashes.map((sha256) => ({ path: sha256, sha256 })) }) as unknown as TreeManifest;

it('finds a tree that is uploaded after it was asked for, and one that could not be read at first', async () => {
  const answers = [() => null, () => Promise.reject(new Error('no disk')), () => treeOf('a')];
  const grants = new FileGrants(
    () => ['t'],
    async () => await (answers.shift() as () => TreeManifest | null)(),
  );
  expect(await grants.mayReadContents('w', ['a'])).toBe(false);
  await expect(grants.mayReadContents('w', ['a'])).rejects.toThrow('no disk');
  expect(grants.held).toEqual({ trees: 0, hashes: 0 });
  expect(await grants.mayReadContents('w', ['a'])).toBe(true);
  expect(await grants.mayReadContents('w', ['a', 'b'])).toBe(false);
  expect(grants.held).toEqual({ trees: 1, hashes: 1 });
});

it('holds so many trees, empty ones too, and so many hashes; the least lately used goes first', async () => {
  const read: string[] = [];
  const sizes: Record<string, string[]> = { big: ['1', '2', '3'], huge: ['1', '2', '3', '4', '5', '6'] };
  const grants = new FileGrants(
    (worker) => [worker],
    async (tree) => {
      read.push(tree);
      return treeOf(...(sizes[tree] ?? []));
    },
    { trees: 2, hashes: 5 },
  );
  for (const tree of ['a', 'b', 'a', 'c', 'a', 'b']) await grants.mayReadContents(tree, []);
  expect(read).toEqual(['a', 'b', 'c', 'b']);
  expect(grants.held).toEqual({ trees: 2, hashes: 0 });
  await grants.mayReadContents('big', []);
  expect(grants.held).toEqual({ trees: 2, hashes: 3 });
  expect(await grants.mayReadContents('huge', ['6'])).toBe(true);
  expect(grants.held).toEqual({ trees: 1, hashes: 6 });
});

it('does not count one that was forgotten while it was read', async () => {
  const waits = new Map<string, (tree: TreeManifest) => void>();
  const grants = new FileGrants(
    (worker) => [worker],
    (tree) => new Promise((resolve) => waits.set(tree, resolve)),
    { trees: 1, hashes: 10 },
  );
  const first = grants.mayReadContents('slow', ['a']);
  const second = grants.mayReadContents('other', ['b']);
  waits.get('slow')?.(treeOf('a', 'x', 'y'));
  expect(await first).toBe(true);
  expect(grants.held).toEqual({ trees: 1, hashes: 0 });
  waits.get('other')?.(treeOf('b'));
  expect(await second).toBe(true);
  expect(grants.held).toEqual({ trees: 1, hashes: 1 });
});
