/**
 * The log of an attempt: the raw bytes of its command in one file that only grows. Over the cap the oldest bytes are
 * punched out of the file, so offsets never shift. What is available follows from size and cap alone, so nothing needs
 * to be remembered: the hole always ends at or before it.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  rmSync,
  type Stats,
  watch,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { GUARDED, hasCode } from './atomic.ts';
import { LOG_FILE, logFile } from './folder.ts';

export interface LogExtent {
  /** The first byte that can be read. */
  readonly available: number;
  /** The offset behind the last byte. */
  readonly size: number;
}

/** Of util-linux: Node has no call for it. */
const PUNCH = 'fallocate';
const BLOCK = 4096;
const MIB = 1024 * 1024;
/** Up to here a read is done at once: it costs less than a trip to the thread pool. */
const SMALL_READ = 64 * 1024;
const WATCH_GAP_MS = 20;

export function logExtent(folder: string, capBytes: number): LogExtent {
  const size = statOf(folder)?.size ?? 0;
  return { available: Math.max(0, size - capBytes), size };
}

/** Null when there is no log, or something else in its place. */
function statOf(folder: string): Stats | null {
  try {
    const stat = lstatSync(logFile(folder), { throwIfNoEntry: false });
    return stat?.isFile() === true ? stat : null;
  } catch {
    return null;
  }
}

/** True when something lies in its place that is no log: it reads as empty. */
export const isOddLog = (folder: string): boolean =>
  lstatSync(logFile(folder), { throwIfNoEntry: false })?.isFile() === false;

/** At most `limit` bytes from `offset`; fewer at the end of the file. */
export async function readLog(folder: string, offset: number, limit: number): Promise<Uint8Array> {
  try {
    return limit <= SMALL_READ
      ? readSmall(logFile(folder), offset, limit)
      : await readLarge(logFile(folder), offset, limit);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO')) return new Uint8Array(0);
    throw error;
  }
}

function readSmall(path: string, offset: number, limit: number): Uint8Array {
  const fd = openSync(path, GUARDED);
  try {
    if (!fstatSync(fd).isFile()) return new Uint8Array(0);
    const bytes = new Uint8Array(limit);
    return bytes.subarray(0, readSync(fd, bytes, 0, limit, offset));
  } finally {
    closeSync(fd);
  }
}

async function readLarge(path: string, offset: number, limit: number): Promise<Uint8Array> {
  const handle = await open(path, GUARDED);
  try {
    const stat = await handle.stat();
    const bytes = new Uint8Array(stat.isFile() ? Math.max(0, Math.min(limit, stat.size - offset)) : 0);
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
      if (name === null || name === LOG_FILE) ring();
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

/** True when holes can be punched into files of this folder: `fallocate` is there and the file system can. */
export function canTrim(stateDir: string): boolean {
  const path = join(stateDir, `trial.${process.pid}`);
  try {
    writeFileSync(path, Buffer.alloc(2 * BLOCK));
    return spawnSync(PUNCH, punch(path, BLOCK), { stdio: 'ignore' }).status === 0;
  } finally {
    rmSync(path, { force: true });
  }
}

const punch = (path: string, length: number): string[] => [
  '--punch-hole',
  '--keep-size',
  '--offset',
  '0',
  '--length',
  String(length),
  path,
];

/** Bytes over the cap that are let be, so that trimming is rare. */
export const slackOf = (capBytes: number): number => Math.max(MIB, Math.floor(capBytes / 8));

/** Keeps one log under its cap: call `check` now and then. */
export class LogTrimmer {
  private readonly folder: string;
  private readonly capBytes: number;
  private lastSize = 0;
  private holeEnd: number;
  private running: Promise<void> | null = null;

  constructor(folder: string, capBytes: number) {
    this.folder = folder;
    this.capBytes = capBytes;
    this.holeEnd = logExtent(folder, capBytes).available;
  }

  /** Bytes before this offset may be gone. */
  get trimmedTo(): number {
    return this.holeEnd;
  }

  /** Trims if needed, in the background. Returns how many bytes came since the last call. */
  check(): number {
    const { available, size } = logExtent(this.folder, this.capBytes);
    const grown = size - this.lastSize;
    this.lastSize = size;
    if (available > 0 && this.running === null) {
      const kept = (statOf(this.folder)?.blocks ?? 0) * 512;
      if (kept > this.capBytes + slackOf(this.capBytes)) this.trim(available);
    }
    return grown;
  }

  /** Resolves when no trimming is under way. */
  async settled(): Promise<void> {
    await this.running;
  }

  private trim(available: number): void {
    const length = available - (available % BLOCK);
    if (length === 0) return;
    this.holeEnd = Math.max(this.holeEnd, length);
    this.running = new Promise((resolve) => {
      const done = () => {
        this.running = null;
        resolve();
      };
      const child = spawn(PUNCH, punch(logFile(this.folder), length), { stdio: 'ignore' });
      child.once('error', done);
      child.once('exit', done);
      child.unref();
    });
  }
}
