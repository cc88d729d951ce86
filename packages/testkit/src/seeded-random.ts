/** Chance from a seed (mulberry32): the same seed, the same run. */
import type { Random } from '@drover/engine';

export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  float(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number from 0 to `below - 1`. */
  int(below: number): number {
    return Math.floor(this.float() * below);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  #hex(length: number): string {
    return Array.from({ length }, () => this.int(16).toString(16)).join('');
  }

  uuid(): string {
    return `${this.#hex(8)}-${this.#hex(4)}-4${this.#hex(3)}-a${this.#hex(3)}-${this.#hex(12)}`;
  }

  token(prefix: string): string {
    return `${prefix}${this.#hex(40)}`;
  }

  digest(secret: string): string {
    return `digest:${secret}`;
  }

  fromBase64(text: string): Uint8Array {
    return Buffer.from(text, 'base64');
  }
}
