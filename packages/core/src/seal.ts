/**
 * A checksum at the end of each numbered message of a link. TCP's own sum of 16 bits lets one damaged segment in some
 * tens of thousands pass, and a digit that changes keeps JSON valid. It guards against damage, not against people.
 *
 * The sum is the last field, `"crc"`: eight hexadecimal digits, the CRC-32 of the message's text in UTF-8 without that
 * field. A peer that knows nothing of it ignores it.
 */
const TAIL = /^,"crc":"([0-9a-f]{8})"\}$/;
const TAIL_LENGTH = 18;

/** CRC-32 (IEEE) of a text in UTF-8, as `zlib.crc32` gives it. */
export type Crc32 = (text: string) => number;

const hex = (sum: number): string => sum.toString(16).padStart(8, '0');

/** @param json an object that is not empty, as text */
export const sealMessage = (json: string, crc32: Crc32): string =>
  `${json.slice(0, -1)},"crc":"${hex(crc32(json))}"}`;

/** False when the text is damaged. Without a number it is of a peer that does not seal, and passes. */
export function isIntact(text: string, crc32: Crc32): boolean {
  const sum = TAIL.exec(text.slice(-TAIL_LENGTH))?.[1];
  if (sum === undefined) return !text.startsWith('{"n":');
  return hex(crc32(`${text.slice(0, -TAIL_LENGTH)}}`)) === sum;
}

/** A log travels in frames, each with its length and its CRC-32 before it: two big-endian words of 32 bits. */
export const LOG_FRAME_HEADER = 8;
/** The largest frame that is taken. */
export const LOG_FRAME_BYTES = 4 * 1024 * 1024;
