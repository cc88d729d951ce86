/** What {@link parseBytes} accepts, in words fit for an error message. */
export const BYTES_RULE = 'a number of bytes, or a size such as 64KiB or 10MiB';

const UNIT: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Reads a count of bytes. @returns whole bytes, or null when it breaks {@link BYTES_RULE}. */
export function parseBytes(text: string): number | null {
  const match = /^\s*(\d{1,15}(?:\.\d{1,6})?)\s*(?:(b|k|m|g)(?:i?b)?)?\s*$/i.exec(text);
  if (!match) return null;
  const bytes = Math.round(Number(match[1]) * (UNIT[(match[2] ?? '').toLowerCase()] ?? 1));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** MiB as people write them, without a loss: 512MiB, 8GiB, 1.5GiB. */
export function formatMiB(mib: number): string {
  if (mib >= 1024 && (mib % 1024 === 0 || mib >= 10_240)) {
    const gib = mib / 1024;
    return `${Number.isInteger(gib) ? gib : gib.toFixed(1)}GiB`;
  }
  return `${mib}MiB`;
}
