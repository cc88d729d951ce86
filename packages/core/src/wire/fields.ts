/** The fields that several messages share, each with its bound. A bound is part of the contract: see docs/limits.md. */
import { z } from 'zod';
import { ENV_KEY, ENV_KEY_RULE } from '../env-keys.ts';
import { UUID } from '../ids.ts';
import { NAME_RULE, parseName } from '../names.ts';

/** Limits of what one call may carry. Bytes unless the name says otherwise. */
export const LIMITS = {
  /** One argument may be 128 KiB with its end mark: a limit of the Linux kernel. */
  commandBytes: 131_071,
  argCount: 4096,
  envCount: 1024,
  /** The same limit, less the longest key and its "=". */
  envValueBytes: 130_815,
  envBytes: 1024 * 1024,
  labelCount: 64,
  labelKey: 63,
  labelValue: 255,
  pathLength: 4096,
  pageSize: 1000,
  waitMs: 60_000,
  logReadBytes: 64 * 1024 * 1024,
} as const;

export const noNul = (text: string): boolean => !text.includes('\0');

/** Bytes of the text in UTF-8. A lone surrogate counts as the three bytes of its replacement. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) bytes += 1;
    // Both halves of a pair count two: four bytes together.
    if (code > 0x7ff && (code < 0xd800 || code > 0xdfff)) bytes += 1;
  }
  return bytes;
}

/** Half of a surrogate pair has no form in UTF-8: what runs would not be what was asked for. */
const isUnicode = (text: string): boolean => !/\p{Surrogate}/u.test(text);
const UNICODE_RULE = 'valid Unicode, without half a surrogate pair';
const atMost = (bytes: number) =>
  [
    (text: string): boolean => text.length <= bytes && utf8Bytes(text) <= bytes,
    `at most ${bytes} bytes`,
  ] as const;

/** Why something waits or how it ended. */
export const reason = z.object({
  code: z.string().describe('A stable word for programs.'),
  message: z.string().describe('A sentence for people; it may change.'),
});
export type Reason = z.output<typeof reason>;

/** Who owns something, or asked for it. */
export const userRef = z.object({ id: z.string(), name: z.string() });

/** In a query: `true` or `false`. */
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

export const uuid = z.string().regex(UUID, 'a UUID in lower case');
export const name = z.string().transform((text, ctx) => {
  const parsed = parseName(text);
  if (parsed === null) {
    ctx.addIssue({ code: 'custom', message: NAME_RULE });
    return z.NEVER;
  }
  return parsed;
});

const word = z
  .string()
  .refine(...atMost(LIMITS.commandBytes))
  .refine(isUnicode, UNICODE_RULE)
  .refine(noNul, 'no NUL character');

/** A script for the shell of a node. */
export const shellText = word.refine((text) => text.trim() !== '', 'must not be empty');

/** A string runs in a shell; a list runs as it is, without one. */
export const command = z.union(
  [
    shellText,
    z
      .array(word)
      .min(1, 'at least one element')
      .max(LIMITS.argCount, `at most ${LIMITS.argCount} elements`)
      .refine((list) => list[0] !== '', 'the first element names a program')
      .refine(
        (list) => list.reduce((sum, part) => sum + part.length, 0) <= LIMITS.commandBytes,
        `at most ${LIMITS.commandBytes} characters in all`,
      ),
  ],
  { error: 'a string without NUL, or a list of strings' },
);

export const env = z
  .record(
    z
      .string()
      .regex(ENV_KEY, ENV_KEY_RULE)
      .refine((key) => !key.startsWith('DROVER_'), 'the prefix DROVER_ is reserved'),
    z
      .string()
      .refine(...atMost(LIMITS.envValueBytes))
      .refine(isUnicode, UNICODE_RULE)
      .refine(noNul, 'no NUL character'),
  )
  .refine((map) => Object.keys(map).length <= LIMITS.envCount, `at most ${LIMITS.envCount} variables`)
  .refine(
    (map) =>
      Object.entries(map).reduce((sum, [key, value]) => sum + key.length + value.length, 0) <=
      LIMITS.envBytes,
    `at most ${LIMITS.envBytes} characters in all`,
  );

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is refused
const PRINTABLE = /^[^\u0000-\u001f\u007f]*$/;
export const labels = z
  .record(
    z
      .string()
      .min(1, 'not empty')
      .max(LIMITS.labelKey, `at most ${LIMITS.labelKey} characters`)
      .regex(PRINTABLE, 'no control characters'),
    z
      .string()
      .max(LIMITS.labelValue, `at most ${LIMITS.labelValue} characters`)
      .regex(PRINTABLE, 'no control characters'),
  )
  .refine((map) => Object.keys(map).length <= LIMITS.labelCount, `at most ${LIMITS.labelCount} labels`);

export const absolutePath = z
  .string()
  .max(LIMITS.pathLength, `at most ${LIMITS.pathLength} characters`)
  .regex(PRINTABLE, 'no control characters')
  .regex(/^\//, 'an absolute path')
  .refine((path) => !path.split('/').includes('..'), 'no ".." in it');

export const cpu = z
  .number()
  .min(0, 'not negative')
  .max(100_000, 'at most 100000')
  .refine((value) => Math.abs(value * 1000 - Math.round(value * 1000)) < 1e-6, 'at most three decimals');
export const mebibytes = z
  .int()
  .min(0, 'not negative')
  .max(2 ** 40, 'at most 2^40');
export const gpuCount = z.int().min(0, 'not negative').max(1024, 'at most 1024');
export const gpuIndices = z
  .array(z.int().min(0, 'not negative').max(1023, 'at most 1023'))
  .max(1024, 'at most 1024 indices')
  .refine((list) => new Set(list).size === list.length, 'no index twice');
