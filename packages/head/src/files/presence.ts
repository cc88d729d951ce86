/** Which contents are here, and how large they are. */
import { stat, utimes } from 'node:fs/promises';
import type { Places } from './places.ts';

/** What was seen is believed for one to two of these. Far below the time for which unneeded contents stay. */
const GENERATION_MS = 60 * 60 * 1000;
/** About 100 bytes each, twice. */
const MOST_REMEMBERED = 100_000;
const AT_ONCE = 64;

/**
 * Looks are remembered, so that a folder of which nearly everything is here costs no look for each of its files. Each
 * look renews the file's time, by which unneeded contents are let go of: what was found here stays for a day.
 */
export class Presence {
  readonly #places: Places;
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  #bornMs = Date.now();

  constructor(places: Places) {
    this.#places = places;
  }

  /** It is here, with so many bytes, written or renewed just now. */
  note(sha256: string, size: number): void {
    this.#turn();
    this.#young.set(sha256, size);
  }

  forget(sha256: string): void {
    this.#young.delete(sha256);
    this.#old.delete(sha256);
  }

  /** The size of each, null for what is not here. */
  async sizes(hashes: readonly string[]): Promise<(number | null)[]> {
    this.#turn();
    const sizes = hashes.map((sha256) => this.#young.get(sha256) ?? this.#old.get(sha256) ?? null);
    const unknown = sizes.flatMap((size, at) => (size === null ? [at] : []));
    const lane = async (): Promise<void> => {
      for (let at = unknown.pop(); at !== undefined; at = unknown.pop())
        sizes[at] = await this.#look(hashes[at] as string);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, unknown.length) }, lane));
    return sizes;
  }

  async size(sha256: string): Promise<number | null> {
    return (await this.sizes([sha256]))[0] ?? null;
  }

  async #look(sha256: string): Promise<number | null> {
    const path = this.#places.content(sha256);
    try {
      const now = Date.now() / 1000;
      await utimes(path, now, now);
      const { size } = await stat(path);
      this.note(sha256, size);
      return size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  #turn(): void {
    if (this.#young.size < MOST_REMEMBERED && Date.now() - this.#bornMs < GENERATION_MS) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#bornMs = Date.now();
  }
}
