/** The last lines of a stream. */

const NEWLINE = 10;

/** However short its lines are, a tail has no more bytes than this, beside its last chunk. */
export const MOST_TAIL_BYTES = 64 * 1024 * 1024;

/**
 * Passes on the last `count` lines of whole-line chunks, or as many of them as fit. Keeps no more in memory than these.
 * @param most bytes
 */
export async function* tailLines(
  chunks: AsyncIterable<Uint8Array>,
  count: number,
  most: number = MOST_TAIL_BYTES,
): AsyncIterable<Uint8Array> {
  const kept: { readonly chunk: Uint8Array; readonly lines: number }[] = [];
  let lines = 0;
  let bytes = 0;
  for await (const chunk of chunks) {
    const last = { chunk, lines: countLines(chunk) };
    kept.push(last);
    lines += last.lines;
    bytes += chunk.length;
    for (let first = kept[0]; first && first !== last; first = kept[0]) {
      if (lines - first.lines < count && bytes <= most) break;
      lines -= first.lines;
      bytes -= first.chunk.length;
      kept.shift();
    }
  }
  let surplus = lines - count;
  for (const { chunk } of kept) {
    let start = 0;
    while (surplus > 0 && start < chunk.length) {
      const end = chunk.indexOf(NEWLINE, start);
      start = end < 0 ? chunk.length : end + 1;
      surplus -= 1;
    }
    if (start < chunk.length) yield chunk.subarray(start);
  }
}

function countLines(chunk: Uint8Array): number {
  let count = 0;
  for (const byte of chunk) if (byte === NEWLINE) count += 1;
  return count;
}
