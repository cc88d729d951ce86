/** The last lines of a stream. */

const NEWLINE = 10;

/** Passes on the last `count` lines of whole-line chunks. Keeps no more in memory than these. */
export async function* tailLines(
  chunks: AsyncIterable<Uint8Array>,
  count: number,
): AsyncIterable<Uint8Array> {
  const kept: Uint8Array[] = [];
  let lines = 0;
  for await (const chunk of chunks) {
    kept.push(chunk);
    lines += countLines(chunk);
    for (let first = kept[0]; first && lines - countLines(first) >= count; first = kept[0]) {
      lines -= countLines(first);
      kept.shift();
    }
  }
  let surplus = lines - count;
  for (const chunk of kept) {
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
