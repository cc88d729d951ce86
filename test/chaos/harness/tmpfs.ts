/** A small file system of its own for a state folder, which can be filled and emptied. */
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from './shell.ts';

const BALLAST = 'ballast';
const BLOCK = Buffer.alloc(64 * 1024, 'b');

export class SmallDisk {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Mounted in the private mount namespace of the run: it goes with it. */
  async mount(sizeMiB: number): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    await runTool('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=700`, 'tmpfs', this.folder]);
  }

  async unmount(): Promise<void> {
    await runTool('umount', ['-l', this.folder]);
  }

  /** Writes until nothing more fits. */
  fill(): void {
    const file = openSync(join(this.folder, BALLAST), 'a');
    try {
      for (let size = BLOCK.length; size >= 1; ) {
        try {
          writeSync(file, BLOCK, 0, size);
        } catch {
          size = Math.floor(size / 2);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  get isFull(): boolean {
    return statfsSync(this.folder).bavail === 0;
  }

  empty(): void {
    if (existsSync(join(this.folder, BALLAST))) rmSync(join(this.folder, BALLAST), { force: true });
  }
}
