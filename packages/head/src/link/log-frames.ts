/** The frames of a log stream, checked: what a worker's dialler writes (see `LOG_FRAME_HEADER` of core). */
import { crc32 } from 'node:zlib';
import { LOG_FRAME_BYTES, LOG_FRAME_HEADER } from '@drover/core';

/** Gives the bytes of each frame that came whole. @throws at the first that is damaged, too long or cut */
export async function* unframe(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pending: Buffer[] = [];
  let length = 0;
  /** Of the frame that is coming; null before its header. */
  let frame: { readonly length: number; readonly sum: number } | null = null;
  const take = (bytes: number): Buffer => {
    const all = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending, length);
    pending = [all.subarray(bytes)];
    length -= bytes;
    return all.subarray(0, bytes);
  };
  for await (const chunk of chunks) {
    pending.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    length += chunk.byteLength;
    for (;;) {
      if (frame === null) {
        if (length < LOG_FRAME_HEADER) break;
        const header = take(LOG_FRAME_HEADER);
        frame = { length: header.readUInt32BE(0), sum: header.readUInt32BE(4) };
        if (frame.length > LOG_FRAME_BYTES) throw new Error(`a frame of ${frame.length} bytes`);
      }
      if (length < frame.length) break;
      const bytes = take(frame.length);
      if (crc32(bytes) !== frame.sum) throw new Error('a frame came damaged');
      frame = null;
      yield bytes;
    }
  }
  if (frame !== null || length > 0) throw new Error('the last frame was cut');
}
