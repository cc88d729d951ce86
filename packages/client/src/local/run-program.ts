/** Runs the real program (`drover up`, `drover down`) to its end. */
import { execFile } from 'node:child_process';
import { DroverError } from '@drover/core';
import { programPath } from './program.ts';

/** Longer than a herd takes for its start, and for its orderly end. */
const LIMIT_MS = 180_000;

/** @returns what it printed @throws {DroverError} INTERNAL, with what it said on stderr */
export async function runProgram(args: readonly string[]): Promise<string> {
  const path = programPath();
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, [path, ...args], { timeout: LIMIT_MS }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const said = stderr.trim() || error.message;
      const message = `"drover ${args.join(' ')}" failed: ${said.slice(-2000)}`;
      reject(new DroverError('INTERNAL', {}, { message, cause: error }));
    });
  });
}
