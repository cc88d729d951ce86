/**
 * A pack: many small contents in one body. Each is its SHA-256 (32 bytes), its length (4 bytes, big endian) and its bytes.
 * A pack has no end mark: whoever reads it knows from its transport whether it was cut.
 */

/** A content of at most so many bytes travels in a pack; a larger one by itself, in parts. */
export const PACKED_BYTES = 1024 * 1024;
/** A pack is closed when it holds so much. */
export const PACK_BYTES = 8 * 1024 * 1024;
export const PACK_ITEMS = 2_000;
/** The largest pack that is taken: a full one, with one more content in it. */
export const MOST_PACK_BYTES = PACK_BYTES + PACKED_BYTES + PACK_ITEMS * 36 + 4096;

const HEADER = 36;

/** What stands before one content. @param sha256 in hex */
export function packHeader(sha256: string, size: number): Uint8Array {
  const header = new Uint8Array(HEADER);
  for (let at = 0; at < 32; at++) header[at] = Number.parseInt(sha256.slice(at * 2, at * 2 + 2), 16);
  new DataView(header.buffer).setUint32(32, size);
  return header;
}

/** Contents put together as packs, in order; those that are too large for one are not given here. */
export function packsOf<T extends { readonly size: number }>(
  contents: readonly T[],
  mostItems: number = PACK_ITEMS,
): T[][] {
  const packs: T[][] = [];
  let bytes = 0;
  for (const content of contents) {
    let pack = packs.at(-1);
    if (pack === undefined || bytes + content.size > PACK_BYTES || pack.length >= mostItems) {
      pack = [];
      packs.push(pack);
      bytes = 0;
    }
    pack.push(content);
    bytes += content.size;
  }
  return packs;
}

/** One content of a pack. Its hash is what its header says: the reader checks it. */
export interface PackItem {
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

/** A pack that is not one. */
export class BrokenPack extends Error {}

/** The contents as they come; holds one at a time. @throws {BrokenPack} */
export async function* readPack(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<PackItem> {
  let parts: Uint8Array[] = [];
  let held = 0;
  let sha256 = '';
  let size = -1;
  for await (const chunk of chunks) {
    parts.push(chunk);
    held += chunk.length;
    for (;;) {
      const wanted = size < 0 ? HEADER : size;
      if (held < wanted) break;
      const whole: Uint8Array = parts.length === 1 ? (parts[0] as Uint8Array) : joined(parts, held);
      const bytes = whole.subarray(0, wanted);
      const rest = whole.subarray(wanted);
      parts = rest.length > 0 ? [rest] : [];
      held = rest.length;
      if (size >= 0) {
        yield { sha256, bytes };
        size = -1;
        continue;
      }
      sha256 = hexOf(bytes.subarray(0, 32));
      size = new DataView(bytes.buffer, bytes.byteOffset + 32, 4).getUint32(0);
      if (size > PACKED_BYTES) throw new BrokenPack(`a content of ${size} bytes is too large for a pack`);
    }
  }
  if (held > 0 || size >= 0) throw new BrokenPack('the pack ends within a content');
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}
