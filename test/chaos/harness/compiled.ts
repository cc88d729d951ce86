/** The two small native programs of the harness, compiled when there is a compiler. Without one their faults are left out. */
import { accessSync, closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool } from './shell.ts';

const source = (name: string): string => fileURLToPath(new URL(`../native/${name}.c`, import.meta.url));

/** @returns null when there is no compiler, or it fails */
async function compile(name: string, to: string, flags: readonly string[]): Promise<string | null> {
  try {
    await runTool('cc', ['-O2', '-Wall', '-o', to, source(name), ...flags]);
    return to;
  } catch {
    return null;
  }
}

/** Null too where its device may not be opened. */
export const compileRelay = async (folder: string): Promise<string | null> =>
  mayUseTun() ? await compile('relay', join(folder, 'relay'), []) : null;

/** Root inside a user namespace is not root of the device. */
function mayUseTun(): boolean {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The wall clock of a program, to be moved while it runs. */
export class MovableClock {
  readonly #file: string;
  readonly #library: string;

  private constructor(file: string, library: string) {
    this.#file = file;
    this.#library = library;
    this.set(0);
  }

  static async compile(folder: string): Promise<string | null> {
    return await compile('clock-shift', join(folder, 'clock-shift.so'), ['-shared', '-fPIC', '-ldl']);
  }

  static at(library: string, file: string): MovableClock {
    return new MovableClock(file, library);
  }

  /** @param ms so far from the true time */
  set(ms: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(ms));
    writeInPlace(this.#file, bytes);
  }

  /** What a program has to be started with. */
  get env(): Record<string, string> {
    return { LD_PRELOAD: this.#library, CHAOS_CLOCK: this.#file };
  }
}

/** Never shortened on the way: the file is mapped by those who read it. */
export function writeInPlace(file: string, bytes: Buffer): void {
  const open = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o644);
  writeSync(open, bytes, 0, bytes.length, 0);
  closeSync(open);
}
