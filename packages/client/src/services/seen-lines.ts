import { backOffMs, isTransient } from '../transport/retry.ts';
import { pause } from '../transport/signals.ts';

/** In a row, without a new line between them. */
const MOST_FAILURES = 20;
/** `(train, rank=1) `, `(setup, rank=0, pid=7) `: whose line it is; a process is known only some time after its start. */
const RANK = /^\([^()\n]*\brank=(\d+)(?:, pid=\d+)?\) /;

/**
 * Tells the lines that came before a stream broke off from those that are new, when it is read again from its beginning.
 * The lines of several nodes are not in the same order twice, those of each node are: so they are counted by node.
 */
class SeenLines {
  readonly #seen = new Map<string, number>();
  #read = new Map<string, number>();

  /** The stream is read from its beginning again. */
  restart(): void {
    this.#read = new Map();
  }

  isNew(line: string): boolean {
    const node = RANK.exec(line)?.[1] ?? '';
    const position = (this.#read.get(node) ?? 0) + 1;
    this.#read.set(node, position);
    if (position <= (this.#seen.get(node) ?? 0)) return false;
    this.#seen.set(node, position);
    return true;
  }
}

/**
 * Reads a stream of lines to its end: one that breaks off is read again, and what has come already is left out.
 * @throws what is not the network's doing, and what is when it lasts
 */
export async function* resumed(
  open: () => AsyncIterable<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const lines = new SeenLines();
  for (let failures = 0; ; failures += 1) {
    lines.restart();
    try {
      for await (const line of open()) {
        if (!lines.isNew(line)) continue;
        failures = 0;
        yield line;
      }
      return;
    } catch (error) {
      if (!isTransient(error) || failures > MOST_FAILURES) throw error;
      await pause(backOffMs(failures), signal);
    }
  }
}
