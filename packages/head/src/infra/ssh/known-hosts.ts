/** Keys of hosts: trusted at the first sight, written down, and a changed one is refused. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeWhole } from '../write-whole.ts';

export class KnownHosts {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get path(): string {
    return this.#path;
  }

  /** @returns whether this is the key of the host; the first one that is seen becomes it */
  trust(address: string, port: number, key: Buffer): boolean {
    const all = this.#read();
    const where = `[${address}]:${port}`;
    const print = `SHA256:${createHash('sha256')
      .update(key)
      .digest('base64')
      .replace(/(?<!=)=+$/, '')}`;
    const known = all[where];
    if (known !== undefined) return known === print;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    writeWhole(this.#path, `${JSON.stringify({ ...all, [where]: print }, null, 2)}\n`);
    return true;
  }

  #read(): Record<string, string> {
    if (!existsSync(this.#path)) return {};
    return JSON.parse(readFileSync(this.#path, 'utf8')) as Record<string, string>;
  }
}
