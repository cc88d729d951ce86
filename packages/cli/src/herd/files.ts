import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from './holder.ts';

/** What `drover up` remembers for the next one. */
export interface HerdFile {
  readonly url?: string;
  readonly workers?: number;
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly gpus?: string | undefined;
  /** The address that its head is bound to; absent: loopback, without TLS. */
  readonly host?: string | undefined;
}

/** Reads it; empty when there is none. */
export function readHerdFile(root: string): HerdFile {
  return readJson(join(root, 'herd.json')) as HerdFile;
}

/** Replaces it. */
export function writeHerdFile(root: string, herd: HerdFile): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const path = join(root, 'herd.json');
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify(herd)}\n`, { mode: 0o600 });
  renameSync(`${path}.${process.pid}`, path);
}

/** A file with one JSON object; empty when there is none or it is something else. */
export function readJson(path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readText(path) ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The folders of this machine's workers, in order. */
export function workerFolders(root: string): string[] {
  let names: string[];
  try {
    names = readdirSync(join(root, 'workers'));
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d{1,4}$/.test(name))
    .sort((a, b) => Number(a) - Number(b))
    .map((name) => workerFolder(root, Number(name)));
}

/** The folder of one worker, counted from 1. */
export const workerFolder = (root: string, number: number): string => join(root, 'workers', String(number));

/** The id with which a worker has joined, or null. */
export function workerIdIn(folder: string): string | null {
  const { workerId } = readJson(join(folder, 'identity.json'));
  return typeof workerId === 'string' ? workerId : null;
}
