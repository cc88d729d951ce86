/** A file system of a few megabytes, which can be filled. */
import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export class SmallDisk {
  readonly #path: string;
  readonly #ballast: string;

  private constructor(path: string) {
    this.#path = path;
    this.#ballast = join(path, 'ballast');
  }

  /** Mounts a tmpfs there. @returns the reason, when that is not allowed here */
  static mount(path: string, mebibytes: number, owner?: { uid: number; gid: number }): SmallDisk | string {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const who = owner ? `,uid=${owner.uid},gid=${owner.gid}` : '';
    try {
      execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700${who}`, 'tmpfs', path], {
        stdio: 'pipe',
      });
    } catch (error) {
      return `a small file system cannot be mounted here: ${String(error).split('\n')[0]}`;
    }
    return new SmallDisk(path);
  }

  /** Takes all the room that is left. */
  fill(): void {
    const file = openSync(this.#ballast, 'a', 0o600);
    try {
      for (const size of [65_536, 4_096]) {
        const block = new Uint8Array(size).fill(1);
        for (;;) if (writeSync(file, block) < size) break;
      }
      fsyncSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Gives it back. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  unmount(): void {
    execFileSync('/bin/umount', ['-l', this.#path]);
  }
}
