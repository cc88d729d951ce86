/** The shims that tests run: shim.sh under each shell of this machine, and the native one where it can be built. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
export const SHELL_SHIM = here('shim.sh');

const NATIVE = here('../../dist/drover-shim');

let native: { readonly path: string | null; readonly why: string } | undefined;

/** Builds it unless that was done; null with the reason where it cannot be. */
export function nativeShim(): { readonly path: string | null; readonly why: string } {
  if (native === undefined) {
    const script = here('../../../../scripts/build-shim.mjs');
    const { stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    native = { path: existsSync(NATIVE) ? NATIVE : null, why: stdout.trim() };
  }
  return native;
}

/** Each shell in the words with which it runs a script. */
const SHELLS = [
  ['sh'],
  ['dash'],
  ['bash'],
  ['bash', '--posix'],
  ['busybox', 'sh'],
  ['mksh'],
  ['zsh', '--emulate', 'sh'],
] as const;

/** The words with which each shell on this machine runs shim.sh. */
export const shellShims = (): (readonly string[])[] =>
  SHELLS.filter(([name]) => spawnSync(name, ['-c', 'true'], { stdio: 'ignore' }).error === undefined).map(
    (words) => [...words, SHELL_SHIM],
  );

/** Mounts a disk of 256 KiB over a folder; null where that is not allowed. */
export function smallDisk(dir: string) {
  mkdirSync(dir, { recursive: true });
  const shell = (script: string) => spawnSync('/bin/sh', ['-c', script, dir], { stdio: 'ignore' }).status;
  if (shell('mount -t tmpfs -o size=256k none "$0"') !== 0) return null;
  const outside = mkdtempSync(join(tmpdir(), 'beside-'));
  const filler = join(dir, 'filler');
  return {
    /** A folder on another disk. */
    outside,
    fill() {
      try {
        for (;;) writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' });
      } catch {
        // Nothing more fits.
      }
    },
    free: () => rmSync(filler),
    unmount() {
      shell('umount -l "$0"');
      rmSync(outside, { recursive: true });
    },
  };
}
