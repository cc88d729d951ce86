/**
 * The log of an attempt: the raw bytes of its command, in segments named by the offset of their first byte. The native
 * shim writes them and removes the oldest; shim.sh writes one, into the front of which the worker punches holes. Which of
 * the two it was is not asked: what lies in the folder says what can be read, and offsets never shift.
 */
import { closeSync, fstatSync, lstatSync, openSync, readSync, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { GUARDED, hasCode } from './atomic.ts';
import { SEGMENT, segmentsIn } from './folder.ts';

export interface LogExtent {
  /** The first byte that can be read. */
  readonly available: number;
  /** The offset behind the last byte. */
  readonly size: number;
}

/** Up to here a read is done at once: it costs less than a trip to the thread pool. */
const SMALL_READ = 64 * 1024;
const WATCH_GAP_MS = 20;

/** No more than the cap, whatever of it is still on the disk. */
export function logExtent(folder: string, capBytes: number): LogExtent {
  const segments = segmentsIn(folder);
  const last = segments.at(-1);
  if (last === undefined) return { available: 0, size: 0 };
  const size = last.first + sizeOf(last.path);
  return { available: Math.max(0, segments[0]?.first ?? 0, size - capBytes), size };
}

/** Zero when it is gone, or something else lies in its place. */
function sizeOf(path: string): number {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isFile() === true ? stat.size : 0;
  } catch {
    return 0;
  }
}

/** True when something lies in its place that is no log: it reads as empty. */
export const isOddLog = (folder: string): boolean =>
  segmentsIn(folder).some(({ path }) => lstatSync(path, { throwIfNoEntry: false })?.isFile() === false);

/**
 * At most `limit` bytes from `offset`; fewer at the end of the log.
 * @throws {RangeError} when the segment of `offset` was removed
 */
export async function readLog(folder: string, offset: number, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let at = offset;
  const end = offset + limit;
  // A segment that is removed meanwhile, or one that comes, is met by listing anew.
  for (;;) {
    const segments = segmentsIn(folder);
    const oldest = segments[0]?.first ?? 0;
    if (at < oldest && parts.length === 0) throw new RangeError(`the log begins at ${oldest}; ${at} is gone`);
    const index = segments.findLastIndex(({ first }) => first <= at);
    const segment = segments[index];
    if (segment === undefined) break;
    const until = Math.min(end, segments[index + 1]?.first ?? end);
    const read = await readFrom(segment.path, at - segment.first, until - at);
    if (read === null && !segmentsIn(folder).some(({ first }) => first === segment.first)) continue;
    const bytes = read ?? new Uint8Array(0);
    const isWhole = index + 1 < segments.length;
    // What its command cut out of a segment that is complete reads as zeros, so that all else keeps its offset.
    const part = isWhole && bytes.length < until - at ? padded(bytes, until - at) : bytes;
    parts.push(part);
    at += part.length;
    if (!isWhole || at >= end) break;
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}

/** Null when it is not there, or no log. */
async function readFrom(path: string, offset: number, limit: number): Promise<Uint8Array | null> {
  try {
    return limit <= SMALL_READ ? readSmall(path, offset, limit) : await readLarge(path, offset, limit);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO')) return null;
    throw error;
  }
}

function readSmall(path: string, offset: number, limit: number): Uint8Array | null {
  const fd = openSync(path, GUARDED);
  try {
    if (!fstatSync(fd).isFile()) return null;
    const bytes = new Uint8Array(limit);
    return bytes.subarray(0, readSync(fd, bytes, 0, limit, offset));
  } finally {
    closeSync(fd);
  }
}

async function readLarge(path: string, offset: number, limit: number): Promise<Uint8Array | null> {
  const handle = await open(path, GUARDED);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) return null;
    const bytes = new Uint8Array(Math.max(0, Math.min(limit, stat.size - offset)));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await handle.close();
  }
}

/** Calls soon after the log may have grown, at most once in 20 ms. Without inotify it falls back to looking each second. */
export function watchLog(folder: string, listener: () => void): { close(): void } {
  let timer: NodeJS.Timeout | null = null;
  const ring = () => {
    timer ??= setTimeout(() => {
      timer = null;
      listener();
    }, WATCH_GAP_MS);
  };
  let stop: () => void;
  try {
    const watcher = watch(folder, (_, name) => {
      if (name === null || SEGMENT.test(name)) ring();
    });
    watcher.on('error', () => watcher.close());
    stop = () => watcher.close();
  } catch {
    const poll = setInterval(ring, 1000);
    stop = () => clearInterval(poll);
  }
  return {
    close() {
      stop();
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
