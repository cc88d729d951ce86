/**
 * Which contents a worker may read: those of the trees that instances on it lay out. A worker that is in wrong hands
 * reads what runs there, and nothing else.
 */
import type { TreeManifest } from '@drover/core';

/** Hashes that are held over all trees, some 100 bytes each; the tree that was asked for least lately goes first. */
const MOST_HASHES = 1_000_000;

export class FileGrants {
  readonly #treesOf: (workerId: string) => Iterable<string>;
  readonly #readTree: (tree: string) => Promise<TreeManifest | null>;
  /** Least recently used first. */
  readonly #contents = new Map<string, Promise<ReadonlySet<string>>>();
  readonly #sizes = new Map<string, number>();
  #hashes = 0;

  /** @param treesOf what instances on this worker lay out now */
  constructor(
    treesOf: (workerId: string) => Iterable<string>,
    readTree: (tree: string) => Promise<TreeManifest | null>,
  ) {
    this.#treesOf = treesOf;
    this.#readTree = readTree;
  }

  mayReadTree(workerId: string, tree: string): boolean {
    for (const each of this.#treesOf(workerId)) if (each === tree) return true;
    return false;
  }

  /** True when all of them are in trees that it may read. */
  async mayReadContents(workerId: string, hashes: readonly string[]): Promise<boolean> {
    const sets: ReadonlySet<string>[] = [];
    for (const tree of new Set(this.#treesOf(workerId))) sets.push(await this.#contentsOf(tree));
    return hashes.every((hash) => sets.some((set) => set.has(hash)));
  }

  async #contentsOf(tree: string): Promise<ReadonlySet<string>> {
    const known = this.#contents.get(tree);
    this.#contents.delete(tree);
    const contents = known ?? this.#load(tree);
    this.#contents.set(tree, contents);
    return await contents;
  }

  async #load(tree: string): Promise<ReadonlySet<string>> {
    try {
      const manifest = await this.#readTree(tree);
      const hashes = new Set<string>();
      for (const entry of manifest?.entries ?? []) if (entry.sha256 !== undefined) hashes.add(entry.sha256);
      this.#sizes.set(tree, hashes.size);
      this.#hashes += hashes.size;
      this.#forgetSome(tree);
      return hashes;
    } catch (error) {
      this.#contents.delete(tree);
      throw error;
    }
  }

  #forgetSome(kept: string): void {
    for (const tree of this.#contents.keys()) {
      if (this.#hashes <= MOST_HASHES) return;
      if (tree === kept) continue;
      this.#contents.delete(tree);
      this.#hashes -= this.#sizes.get(tree) ?? 0;
      this.#sizes.delete(tree);
    }
  }
}
