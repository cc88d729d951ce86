/** Brings contents to the head: small ones in packs, large ones in parts, several at once. */

import { isDroverError, PACKED_BYTES, packHeader, packsOf } from '@drover/core';
import type { ContentReply, FilesMissingReply } from '@drover/core/wire';
import type { Transport } from '../transport/transport.ts';
import { Changed, readPart } from './content.ts';
import { inLanes } from './lanes.ts';
import { createHash } from './node.ts';

const UPLOADS_AT_ONCE = 4;
const READS_AT_ONCE = 8;
const HASHES_PER_CALL = 10_000;
const PART_BYTES = 8 * 1024 * 1024;
/** A slow line may need so long for a part, in milliseconds. */
const HOLD_MS = 5 * 60_000;

/** A content, and a file that holds it. */
export interface Content {
  readonly sha256: string;
  readonly size: number;
  readonly full: string;
}

export interface UploadOptions {
  readonly signal: AbortSignal | undefined;
  readonly onSent: (bytes: number) => void;
}

/** Those that the head does not have. */
export async function missingOf(
  transport: Transport,
  contents: readonly Content[],
  signal: AbortSignal | undefined,
): Promise<Content[]> {
  const missing: Content[] = [];
  for (let at = 0; at < contents.length; at += HASHES_PER_CALL) {
    const some = contents.slice(at, at + HASHES_PER_CALL);
    const reply = await transport.json<FilesMissingReply>({
      method: 'POST',
      path: '/v1/files/missing',
      body: { sha256: some.map(({ sha256 }) => sha256) },
      repeat: 'always',
      signal,
    });
    const wanted = new Set(reply.missing);
    missing.push(...some.filter(({ sha256 }) => wanted.has(sha256)));
  }
  return missing;
}

/** @throws {Changed} when a file is no longer what was hashed; {DroverError} */
export async function upload(
  transport: Transport,
  contents: readonly Content[],
  options: UploadOptions,
): Promise<void> {
  const jobs = packsOf(contents.filter(({ size }) => size <= PACKED_BYTES)).map(
    (pack) => () => sendPack(transport, pack, options),
  );
  // Large ones first: they take longest.
  for (const one of contents)
    if (one.size > PACKED_BYTES) jobs.unshift(() => sendLarge(transport, one, options));
  await inLanes(UPLOADS_AT_ONCE, jobs, (job) => job());
}

async function sendPack(
  transport: Transport,
  pack: readonly Content[],
  options: UploadOptions,
): Promise<void> {
  const parts: Uint8Array[] = new Array(pack.length * 2);
  await inLanes(READS_AT_ONCE, [...pack.entries()], async ([at, { full, size, sha256 }]) => {
    const bytes = await readPart(full, 0, size);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new Changed(full);
    parts[at * 2] = packHeader(sha256, size);
    parts[at * 2 + 1] = bytes;
  });
  await transport.json({
    method: 'POST',
    path: '/v1/files/pack',
    bytes: new Uint8Array(Buffer.concat(parts)),
    repeat: 'always',
    holdMs: HOLD_MS,
    signal: options.signal,
  });
  options.onSent(pack.reduce((sum, { size }) => sum + size, 0));
}

/** From where an earlier upload of it was cut, also by another program. */
async function sendLarge(transport: Transport, content: Content, options: UploadOptions): Promise<void> {
  const { sha256, size, full } = content;
  // An empty part tells how much is there.
  for (let offset = 0, length = 0; ; ) {
    try {
      const { stored, complete } = await transport.json<ContentReply>({
        method: 'PUT',
        path: `/v1/files/${sha256}`,
        query: { offset, size },
        bytes: await readPart(full, offset, length),
        repeat: 'always',
        holdMs: HOLD_MS,
        signal: options.signal,
      });
      options.onSent(length);
      if (complete) return;
      offset = stored;
    } catch (error) {
      if (!isDroverError(error)) throw error;
      if (error.code === 'CONTENT_MISMATCH') throw new Changed(full);
      if (error.code !== 'CONTENT_OFFSET') throw error;
      offset = Number(error.details['offset']);
    }
    length = Math.min(PART_BYTES, size - offset);
  }
}
