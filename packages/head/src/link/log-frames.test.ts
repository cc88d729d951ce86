import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { unframe } from './log-frames.ts';

const frame = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(bytes.length, 0);
  header.writeUInt32BE(crc32(bytes), 4);
  return Buffer.concat([header, bytes]);
};
async function* cutInto(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const read = async (bytes: Buffer, size = 3): Promise<string> => {
  let text = '';
  for await (const part of unframe(cutInto(bytes, size))) text += part.toString();
  return text;
};
const TWO = Buffer.concat([frame('hello '), frame('world')]);

describe('a log in frames', () => {
  it.each([1, 2, 3, 7, 8, 9, 14, 100])('comes whole however it is cut: %i bytes at a time', async (size) => {
    expect(await read(TWO, size)).toBe('hello world');
  });

  it('may be empty', async () => expect(await read(Buffer.alloc(0))).toBe(''));

  it('N10: is refused at the first frame with a changed bit, wherever that is', async () => {
    for (let at = 0; at < TWO.length * 8; at++) {
      const damaged = Buffer.from(TWO);
      damaged[at >> 3] = (damaged[at >> 3] ?? 0) ^ (1 << (at & 7));
      await expect(read(damaged), `bit ${at}`).rejects.toThrow();
    }
  });

  it('is refused when its end is cut off', async () => {
    for (let length = 1; length < TWO.length; length++) {
      if (length === frame('hello ').length) continue;
      await expect(read(TWO.subarray(0, length)), `${length} bytes`).rejects.toThrow('cut');
    }
  });
});
