/** `/v1/files` and `/v1/trees`: contents by hash, and the trees that are made of them. See `core/tree.ts`. */
import { z } from 'zod';
import { sha256 } from './task.ts';

/** Hashes in one question, contents in one pack. */
export const MOST_HASHES = 10_000;

export const filesMissing = z
  .strictObject({
    sha256: z.array(sha256).max(MOST_HASHES, `at most ${MOST_HASHES} hashes`).describe('What to ask for.'),
  })
  .meta({ examples: [{ sha256: ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'] }] });
export type FilesMissing = z.output<typeof filesMissing>;
export const filesMissingReply = z.object({ missing: z.array(z.string()) });
export type FilesMissingReply = z.output<typeof filesMissingReply>;

/** One part of a content. All but the last end where the next begins; the hash is checked at the end. */
export const contentQuery = z.strictObject({
  offset: z.coerce
    .number<string>()
    .int()
    .min(0, 'not negative')
    .default(0)
    .describe('Where this part begins.'),
  size: z.coerce
    .number<string>()
    .int()
    .min(0, 'not negative')
    .max(2 ** 40, 'at most 2^40')
    .describe('Bytes of the whole content.'),
});
/** `stored`: how many bytes of it the head has now. */
export const contentReply = z.object({ stored: z.int(), complete: z.boolean() });
export type ContentReply = z.output<typeof contentReply>;

export const packReply = z.object({ files: z.int(), bytes: z.int() });
export type PackReply = z.output<typeof packReply>;

/** A tree that the head holds: its id, how many files it has, and their bytes in all. */
export const treeReply = z.object({ tree: z.string(), files: z.int(), bytes: z.int() });
export type TreeReply = z.output<typeof treeReply>;

/** What a worker asks a pack of. */
export const packQuery = z.strictObject({
  sha256: z.array(sha256).min(1, 'at least one').max(MOST_HASHES, `at most ${MOST_HASHES} hashes`),
});
