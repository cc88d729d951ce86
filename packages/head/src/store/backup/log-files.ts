/** Puts the logs of a backup into the blobs, each from its pieces. What is there already stays: it is the same log. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Blobs, Store } from '@drover/engine';

/** One log after the other. */
export class LogFiles {
  readonly #blobs: Blobs;
  readonly #store: Store;
  #key: string | null = null;
  #open: { readonly pipe: PassThrough; readonly stored: Promise<unknown> } | null = null;
  count = 0;

  constructor(blobs: Blobs, store: Store) {
    this.#blobs = blobs;
    this.#store = store;
  }

  /** The next piece, of the same log as before or of the next. */
  async take(key: string, data: Uint8Array): Promise<void> {
    if (key !== this.#key) {
      await this.end();
      this.#key = key;
      if (await this.#isWanted(key)) {
        const pipe = new PassThrough();
        const stored = this.#blobs.put(key, pipe);
        stored.catch(() => undefined); // heard when the log ends
        this.#open = { pipe, stored };
      }
    }
    if (!this.#open) return;
    const { pipe, stored } = this.#open;
    if (!pipe.write(data)) await Promise.race([once(pipe, 'drain'), stored]);
  }

  /** The last log is whole. */
  async end(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    this.#key = null;
    if (!open) return;
    open.pipe.end();
    await open.stored;
    this.count += 1;
  }

  /** A log of an instance that is not in the backup was archived after it: nothing would ever delete it. */
  async #isWanted(key: string): Promise<boolean> {
    const [, id = ''] = key.split('/');
    if ((await this.#store.get('instances', id)) === null) return false;
    return (await this.#blobs.size(key)) === null;
  }
}
