/**
 * A second process that outlives this one for a moment: when this process ends in whatever way (also by kill -9), the
 * pipe between them closes, and the guardian ends what this process had started and not stopped. One for each process,
 * there only while something is started.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { type ReapPlan, type ReapTools, reap } from './reap.ts';

interface Guardian {
  readonly process: ChildProcessByStdio<Writable, null, null>;
  readonly plans: Set<number>;
}

let current: Guardian | undefined;
let lastKey = 0;

/** Something under guard. */
export interface Guarded {
  /** Replaces the plan: what has to be gone if this process ends now. */
  update(plan: ReapPlan): void;
  /** Nothing has to be done any more. Resolves when the guardian has ended too, if this was the last. */
  release(): Promise<void>;
}

/** Puts something under guard. */
export function guard(plan: ReapPlan): Guarded {
  current ??= startGuardian();
  const guardian = current;
  const key = ++lastKey;
  const tell = (value: ReapPlan | null) => {
    guardian.process.stdin.write(`${JSON.stringify({ key, plan: value })}\n`);
  };
  guardian.plans.add(key);
  tell(plan);
  return {
    update: tell,
    async release() {
      if (!guardian.plans.delete(key)) return;
      tell(null);
      if (guardian.plans.size > 0) return;
      if (current === guardian) current = undefined;
      const { process: child } = guardian;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.stdin.end();
      await ended;
    },
  };
}

/** Does now what the guardian would do. Never throws. */
export async function reapNow(plan: ReapPlan): Promise<void> {
  await reap(plan, {
    fetch: (input, init) => globalThis.fetch(input, init),
    kill: (pid, signal) => process.kill(pid, signal),
    self: process.pid,
    list: (folder) => readdir(folder),
    read: (path) => readFile(path, 'latin1'),
    link: (path) => readlink(path),
    remove: (folder) => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  } satisfies ReapTools);
}

function startGuardian(): Guardian {
  // Detached: a Ctrl-C in the terminal must not end it before its work.
  const child = spawn(process.execPath, ['-e', guardianSource()], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  (child.stdin as Writable & { unref?: () => void }).unref?.();
  return { process: child, plans: new Set() };
}

/** The guardian's whole program. `__name` is what some compilers put into the text of functions. */
function guardianSource(): string {
  return `
const __name = (value) => value;
const { readdir, readFile, readlink, rm } = require('node:fs/promises');
const { createInterface } = require('node:readline');
const reap = ${reap.toString()};
const tools = {
  fetch: globalThis.fetch, kill: (pid, signal) => process.kill(pid, signal), self: process.pid,
  list: readdir, read: (path) => readFile(path, 'latin1'), link: readlink,
  remove: (folder) => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
};
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM']) process.on(signal, () => undefined);
const plans = new Map();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { key, plan } = JSON.parse(line);
    if (plan === null) plans.delete(key);
    else plans.set(key, plan);
  })
  .on('close', async () => {
    await Promise.all([...plans.values()].map((plan) => reap(plan, tools)));
    process.exit(0);
  });
`;
}
