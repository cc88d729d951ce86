/** Which shim this worker begins attempts with, and what that costs. Those that run go on under the one that they have. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';

/** `auto`: the native one where there is one that runs. */
export const SHIM_WISHES = ['auto', 'native', 'sh'] as const;
export type ShimWish = (typeof SHIM_WISHES)[number];

export interface ShimChoice {
  readonly kind: 'sh' | 'native';
  readonly path: string;
  readonly notes: readonly string[];
}

/** The name of the program, by which its processes are known. */
export const NATIVE_SHIM = 'drover-shim';
/** What `--version` must print: another one speaks another protocol. */
const VERSION = 'drover-shim 1\n';
const PROOF_MS = 5000;

const COSTS_OF_SH = [
  'shim.sh: a death by signal n is reported as exit code 128+n, without the name of the signal',
  'shim.sh: a command that truncates its own output cuts its log',
  'shim.sh: the cap of a log frees no disk space while this worker is down',
  'shim.sh: without cgroups, a daemon that drops its environment is not found',
];

/**
 * @param shellShim absolute path of shim.sh: the others are looked for from there
 * @throws {RangeError} when the native one is wished for and none runs
 */
export function chooseShim(shellShim: string, wish: ShimWish): ShimChoice {
  const problems: string[] = [];
  for (const path of wish === 'sh' ? [] : nativePaths(shellShim)) {
    const problem = problemOf(path);
    if (problem === null) return { kind: 'native', path, notes: [] };
    problems.push(`${path}: ${problem}`);
  }
  if (wish === 'native') throw new RangeError(`no native shim: ${problems.join('; ') || 'none was built'}`);
  const notes = problems.map((problem) => `the native shim does not run: ${problem}`.slice(0, 300));
  return { kind: 'sh', path: shellShim, notes: [...COSTS_OF_SH, ...notes.slice(0, 3)] };
}

/** What the variable DROVER_SHIM says. @throws {RangeError} */
export function wishFrom(text: string | undefined): ShimWish {
  const wish = SHIM_WISHES.find((each) => each === (text || 'auto'));
  if (wish === undefined) throw new RangeError(`DROVER_SHIM is ${SHIM_WISHES.join(', ')}; not "${text}"`);
  return wish;
}

/** Those that exist: of the platform package beside this one, beside shim.sh, and in the source tree. */
function nativePaths(shellShim: string): string[] {
  const own = dirname(shellShim);
  const paths: string[] = [];
  for (let folder = own; ; folder = dirname(folder)) {
    paths.push(join(folder, 'node_modules/@drover', `shim-${platform()}-${arch()}`, NATIVE_SHIM));
    if (dirname(folder) === folder) break;
  }
  return [...paths, join(own, NATIVE_SHIM), join(own, '../../dist', NATIVE_SHIM)].filter((path) =>
    existsSync(path),
  );
}

/** Why it cannot be used, or null. It is run: it may be of another machine, or lie on a disk that executes nothing. */
function problemOf(path: string): string | null {
  const { error, status, signal, stdout } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: PROOF_MS,
  });
  if (error !== undefined) return error.message;
  if (status !== 0) return `it ended with ${status ?? signal}`;
  return stdout === VERSION ? null : `it says ${JSON.stringify(stdout.slice(0, 40))}`;
}
