/**
 * Which contents a worker may read: those of the trees that instances on it lay out. A worker that is in wrong hands
 * reads what runs there, and nothing else.
 */
import type { TreeManifest } from '@drover/core';

/** What is held over all trees; the tree that was asked for least lately goes first. */
export interface GrantBounds {
  readonly trees: number;
  /** Some 100 bytes each. */
  readonly hashes: number;
}

const MOST: GrantBounds = { trees: 2_000, hashes: 1_000_000 };
const NOTHING: ReadonlySet<string> = new Set();

interface Held {
  readonly contents: Promise<ReadonlySet<string>>;
  /** 0 while it is read. */
  hashes: number;
}

export class FileGrants {
  readonly #treesOf: (workerId: string) => Iterable<string>;
  readonly #readTree: (tree: string) => Promise<TreeManifest | null>;
  readonly #most: GrantBounds;
  /** Least recently used first. */
  readonly #held = new Map<string, Held>();
  #hashes = 0;

  /** @param treesOf what instances on this worker lay out now */
  constructor(
    treesOf: (workerId: string) => Iterable<string>,
    readTree: (tree: string) => Promise<TreeManifest | null>,
    most: GrantBounds = MOST,
  ) {
    this.#treesOf = treesOf;
    this.#readTree = readTree;
    this.#most = most;
  }

  /** What is held now. */
  get held(): GrantBounds {
    return { trees: this.#held.size, hashes: this.#hashes };
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

  #contentsOf(tree: string): Promise<ReadonlySet<string>> {
    const held = this.#held.get(tree) ?? this.#load(tree);
    this.#held.delete(tree);
    this.#held.set(tree, held);
    this.#keepWithin();
    return held.contents;
  }

  #load(tree: string): Held {
    const held: Held = { contents: this.#read(tree, () => held), hashes: 0 };
    return held;
  }

  async #read(tree: string, held: () => Held): Promise<ReadonlySet<string>> {
    let manifest: TreeManifest | null = null;
    try {
      manifest = await this.#readTree(tree);
    } finally {
      // What is not there yet, or could not be read, is looked for again by the next who asks.
      if (manifest === null) this.#forget(tree, held());
    }
    if (manifest === null) return NOTHING;
    const hashes = new Set<string>();
    for (const { sha256 } of manifest.entries) if (sha256 !== undefined) hashes.add(sha256);
    this.#count(tree, held(), hashes.size);
    return hashes;
  }

  /** One that was forgotten while it was read is not held, and counts for nothing. */
  #count(tree: string, held: Held, hashes: number): void {
    if (this.#held.get(tree) !== held) return;
    held.hashes = hashes;
    this.#hashes += hashes;
    this.#keepWithin();
  }

  #forget(tree: string, held: Held): void {
    if (this.#held.get(tree) !== held) return;
    this.#held.delete(tree);
    this.#hashes -= held.hashes;
  }

  /** The one that was asked for last stays, however large it is. */
  #keepWithin(): void {
    for (const [tree, held] of this.#held) {
      const isWithin = this.#held.size <= this.#most.trees && this.#hashes <= this.#most.hashes;
      if (isWithin || this.#held.size === 1) return;
      this.#forget(tree, held);
    }
  }
}
