// Builds the native shim into packages/worker/dist where there is a C compiler; without one, or when it fails, workers use shim.sh. Cached by content.
//   node scripts/build-shim.mjs                      builds it if it is not there yet
//   node scripts/build-shim.mjs --package [--arch x64|arm64]
//       lays out the optional package of this platform in dist/packages, for a release. CC names a cross compiler.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'packages/worker/src/shim/shim.c');
const NAME = 'drover-shim';
const FLAGS = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-s'];
/** Static where the system has what it takes: then it runs on every Linux of its architecture. */
const WAYS = [['-static'], []];

/** @returns the path of the program, or null with the reason why there is none */
export function buildShim() {
  const folder = join(root, 'packages/worker/dist');
  const path = join(folder, NAME);
  const hash = createHash('sha256').update(readFileSync(source)).update(FLAGS.join(' ')).digest('hex');
  const hashFile = `${path}.hash`;
  if (existsSync(path) && existsSync(hashFile) && readFileSync(hashFile, 'utf8') === hash)
    return { path, isNew: false };
  mkdirSync(folder, { recursive: true });
  const why = compile(path, WAYS);
  if (why !== null) {
    // One of an older source would be taken for this one.
    rmSync(path, { force: true });
    return { path: null, why };
  }
  writeFileSync(hashFile, hash);
  return { path, isNew: true };
}

/** @returns null, or why it failed */
function compile(path, ways) {
  const compiler = process.env.CC || 'cc';
  const temporary = `${path}.${process.pid}`;
  let why = '';
  for (const way of ways) {
    const { error, status, stderr } = spawnSync(compiler, [...FLAGS, ...way, '-o', temporary, source], {
      encoding: 'utf8',
    });
    if (error) return error.code === 'ENOENT' ? `no compiler (${compiler})` : error.message;
    if (status === 0) {
      renameSync(temporary, path);
      return null;
    }
    why = `${compiler} failed: ${stderr.trim().split('\n')[0] ?? status}`;
  }
  rmSync(temporary, { force: true });
  return why;
}

/** Without scripts of its own: npm installs it where os and cpu fit, and a worker finds it by its path. */
function layOutPackage(arch) {
  const { version, license } = JSON.parse(readFileSync(join(root, 'packages/drover/package.json'), 'utf8'));
  const name = `shim-linux-${arch}`;
  const folder = join(root, 'dist/packages', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // Only static: it must not depend on the C library of whoever installs it.
  const why = compile(join(folder, NAME), [['-static']]);
  if (why !== null) throw new Error(`the package ${name} cannot be made: ${why}`);
  const description = 'The native shim of Drover workers';
  const about = {
    name: `@drover/${name}`,
    version,
    description,
    license,
    os: ['linux'],
    cpu: [arch],
    files: [NAME],
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(about, null, 2)}\n`);
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { package: { type: 'boolean' }, arch: { type: 'string' } } });
  if (values.package) {
    console.log(`build-shim: ${layOutPackage(values.arch ?? process.arch)}`);
  } else {
    const { path, isNew, why } = buildShim();
    if (path === null) console.log(`build-shim: no native shim: ${why}; workers use shim.sh`);
    else if (isNew) console.log(`build-shim: ${path}`);
  }
}
