/**
 * The cap of a log that shim.sh writes into one file: the oldest bytes are punched out of it, so offsets never shift. What
 * is available follows from size and cap alone, so nothing needs to be remembered: the hole always ends at or before it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { lstatSync, rmSync, type Stats, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { logFile, segmentsIn } from './folder.ts';
import { logExtent } from './logs.ts';

/** Of util-linux: Node has no call for it. */
const PUNCH = 'fallocate';
const BLOCK = 4096;
const MIB = 1024 * 1024;

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

/** Null when there is no log, or a native shim rotates it. */
function soleSegment(folder: string): Stats | null {
  const segments = segmentsIn(folder);
  if (segments.length !== 1 || segments[0]?.first !== 0) return null;
  const stat = lstatSync(logFile(folder), { throwIfNoEntry: false });
  return stat?.isFile() === true ? stat : null;
}

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
      const kept = (soleSegment(this.folder)?.blocks ?? 0) * 512;
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
