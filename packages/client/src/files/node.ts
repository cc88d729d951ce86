/**
 * The modules of Node that this folder uses, asked for when it is first loaded. No import names them: bundlers for browsers
 * follow the lazy import of this folder too, and refuse what they cannot resolve.
 */
const { getBuiltinModule } = process;

export const { createHash } = getBuiltinModule('node:crypto');
export const {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} = getBuiltinModule('node:fs');
export const { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } =
  getBuiltinModule('node:fs/promises');
export const { homedir } = getBuiltinModule('node:os');
export const { dirname, join, relative, resolve, sep } = getBuiltinModule('node:path');
/** Lets other work of the program go on. */
export const { setImmediate: turn } = getBuiltinModule('node:timers/promises');
