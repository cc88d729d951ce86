/** Runs the real program (`drover up`, `drover down`) to its end. */
import { execFile, spawn } from 'node:child_process';
import { DroverError } from '@drover/core';
import { programPath } from './program.ts';

/** Longer than a herd takes for its start, and for its orderly end. */
const LIMIT_MS = 180_000;

/** @returns what it printed @throws {DroverError} INTERNAL, with what it said on stderr */
export async function runProgram(args: readonly string[]): Promise<string> {
  const path = programPath();
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, [path, ...args], { timeout: LIMIT_MS }, (error, stdout, stderr) => {
      if (error === null) {
        // What it has to say beside its result: that something is not as it was wished.
        process.stderr.write(stderr);
        return resolve(stdout);
      }
      const said = stderr.trim() || error.message;
      const message = `"drover ${args.join(' ')}" failed: ${said.slice(-2000)}`;
      reject(new DroverError('INTERNAL', {}, { message, cause: error }));
    });
  });
}

/** Runs it as a part of this process: what it prints is printed here, and an interrupt of this one ends it. */
export async function runForeground(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [programPath(), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    if (code !== 0 && code !== null)
      throw new DroverError(
        'INTERNAL',
        {},
        { message: `"drover ${args.join(' ')}" ended with exit code ${code}` },
      );
  } finally {
    process.off('SIGINT', forward).off('SIGTERM', forward);
  }
}
