/** Starts the real program (`drover head`, `drover worker`) as a child of this process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DroverError, invalid } from '@drover/core';

/** A program that serves. */
export interface Program {
  readonly pid: number;
  /** What it printed when it began to serve. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** True once it has ended. */
  hasEnded(): boolean;
  /** Resolves with its exit code, or null when a signal ended it. Keeps this process alive meanwhile. */
  ended(): Promise<number | null>;
  /** Calls back when it has ended; does not keep this process alive. */
  onEnd(callback: () => void): void;
}

export interface ProgramOptions {
  readonly args: readonly string[];
  /** Where its own log goes (its stderr); null: to this process's stderr. */
  readonly logFile: string | null;
  readonly env: Readonly<Record<string, string>>;
  /** How long it may take until it serves, in milliseconds. */
  readonly startMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called with its id as soon as it exists, before it serves. */
  readonly onSpawn: (pid: number) => void;
}

/** These say which herd a program belongs to; a child gets its own by flag. */
const OWN = [
  'DROVER_HEAD',
  'DROVER_TOKEN',
  'DROVER_CA',
  'DROVER_PROJECT',
  'DROVER_STATE',
  // A herd on this machine keeps its state here: two heads on one database would refuse each other.
  'DROVER_STORE',
  'DROVER_JOIN_TOKEN',
  'DROVER_PORT',
  'DROVER_ADDRESS',
];

/** `DROVER_BIN`, else the built program beside this module. @throws {DroverError} INVALID_REQUEST when it is not there. */
export function programPath(): string {
  const given = process.env.DROVER_BIN;
  const path = given || fileURLToPath(new URL('./bin.js', import.meta.url));
  if (!existsSync(path)) {
    throw invalid('DROVER_BIN', 'the path of the built program (bin.js, or bin/drover)', path);
  }
  return path;
}

/**
 * Resolves when the program has printed its one line of JSON.
 * @throws {DroverError} INTERNAL with the end of its log when it ends before, TIMEOUT; or the signal's reason
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  options.signal?.throwIfAborted();
  const env: Record<string, string | undefined> = { ...process.env };
  for (const key of OWN) delete env[key];
  const log = options.logFile === null ? 'inherit' : openSync(options.logFile, 'a', 0o600);
  const path = programPath();
  const child = spawn(process.execPath, [path, ...options.args], {
    stdio: ['ignore', 'pipe', log],
    // Its own group: a Ctrl-C meant for this process must not end a head before its instances.
    detached: true,
    env: { ...env, ...options.env },
  });
  if (typeof log === 'number') closeSync(log);
  if (child.pid !== undefined) options.onSpawn(child.pid);
  const what = `"drover ${options.args[0]}"`;
  const { stdout } = child;
  if (stdout === null) throw new DroverError('INTERNAL', {}, { message: `${what} has no standard output` });
  const ready = await firstLine(child, stdout, what, options);
  child.unref();
  (stdout as Readable & { unref?: () => void }).unref?.();
  return {
    pid: child.pid ?? -1,
    ready,
    hasEnded: () => hasEnded(child),
    ended: () => endOf(child),
    onEnd: (callback) => {
      if (hasEnded(child)) callback();
      else child.once('exit', callback);
    },
  };
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function endOf(child: ChildProcess): Promise<number | null> {
  if (hasEnded(child)) return child.exitCode;
  child.ref();
  return await new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

async function firstLine(
  child: ChildProcess,
  stdout: Readable,
  what: string,
  options: ProgramOptions,
): Promise<Record<string, unknown>> {
  const undo: (() => void)[] = [];
  try {
    return await new Promise((resolve, reject) => {
      const lines = createInterface({ input: stdout });
      lines.once('line', (line) => {
        const ready = parseLine(line);
        if (ready === null) reject(failure(`${what} printed ${line.slice(0, 200)} instead of JSON`));
        else resolve(ready);
      });
      child.once('error', (error) => reject(failure(`${what} cannot be started: ${error.message}`)));
      child.once('exit', (code, signal) => {
        void endOfLog(options.logFile).then((log) =>
          reject(failure(`${what} ended with ${signal ?? `exit code ${code}`} before it served${log}`)),
        );
      });
      const timeoutMs = options.startMs;
      const late = () => reject(new DroverError('TIMEOUT', { what: `the start of ${what}`, timeoutMs }));
      const timer = setTimeout(late, timeoutMs);
      const abort = () => reject(options.signal?.reason);
      options.signal?.addEventListener('abort', abort, { once: true });
      undo.push(
        () => clearTimeout(timer),
        () => options.signal?.removeEventListener('abort', abort),
      );
    });
  } finally {
    for (const step of undo) step();
    // Whatever else it prints is read and dropped, so that it never blocks.
    stdout.resume();
  }
}

const failure = (message: string) => new DroverError('INTERNAL', {}, { message });

function parseLine(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

async function endOfLog(path: string | null): Promise<string> {
  if (path === null) return '';
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4000), 0, 4000, Math.max(0, size - 4000));
    const text = buffer.subarray(0, bytesRead).toString('utf8').trim();
    return text === '' ? '' : `:\n${text}`;
  } finally {
    await file.close();
  }
}
