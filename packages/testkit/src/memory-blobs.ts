/** Blobs in memory, for engine tests and the simulation. */
import type { Blobs } from '@drover/engine';

const KEY = /^log\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/(0|[1-9][0-9]{0,8})$/;

/** Keeps whole values. `failNext` makes puts fail after they have read their bytes. */
export class MemoryBlobs implements Blobs {
  readonly #files = new Map<string, Uint8Array>();
  #failures: Error[] = [];

  /** The next `times` puts reject with this error, and what was there stays. */
  failNext(error: Error, times = 1): void {
    for (let i = 0; i < times; i++) this.#failures.push(error);
  }

  /** Forgets the failures that were ordered and have not come. */
  heal(): void {
    this.#failures = [];
  }

  /** All keys, sorted. */
  keys(): string[] {
    return [...this.#files.keys()].sort();
  }

  async put(key: string, bytes: AsyncIterable<Uint8Array> | Uint8Array): Promise<number> {
    checkKey(key);
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) chunks.push(chunk);
    const failure = this.#failures.shift();
    if (failure) throw failure;
    const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
    let offset = 0;
    for (const chunk of chunks) {
      whole.set(chunk, offset);
      offset += chunk.byteLength;
    }
    this.#files.set(key, whole);
    return whole.byteLength;
  }

  async read(key: string, offset: number, limit: number): Promise<AsyncIterable<Uint8Array> | null> {
    checkKey(key);
    const file = this.#files.get(key);
    return file ? once(file.slice(offset, offset + limit)) : null;
  }

  async size(key: string): Promise<number | null> {
    checkKey(key);
    return this.#files.get(key)?.byteLength ?? null;
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    this.#files.delete(key);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

function checkKey(key: string): void {
  if (!KEY.test(key)) throw new TypeError(`'${key}' is not a blob key of the form log/<uuid>/<number>.`);
}
