// Makes a fresh clone ready: dependencies installed as the lock file says, and a build no older than the sources. No dependencies of its own.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const HASH_FILE = join(root, 'node_modules/.drover-lock-hash');
/** npm writes its record of what it installed and the lock file within one run, in no order that we know. */
const SAME_RUN_MS = 5_000;

function mtimeMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

/** Runs `npm ci` when node_modules is missing or was made from another lock file. Exits the process when that fails. */
export function ensureInstalled() {
  const lock = join(root, 'package-lock.json');
  const hash = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (existsSync(HASH_FILE) && readFileSync(HASH_FILE, 'utf8') === hash) return;
  const installed = mtimeMs(join(root, 'node_modules/.package-lock.json'));
  if (installed === 0 || installed + SAME_RUN_MS < mtimeMs(lock)) {
    console.log(
      `ensure: node_modules is ${installed === 0 ? 'missing' : 'older than package-lock.json'}, running npm ci`,
    );
    run('npm', ['ci', '--no-progress', '--loglevel=error']);
  }
  writeFileSync(HASH_FILE, hash);
}

/** Builds when dist is missing or older than any source. Exits the process when the build fails. */
export function ensureBuilt() {
  const built = mtimeMs(join(root, 'packages/drover/dist/.built'));
  if (built > 0 && built >= newestSource()) return;
  run(process.execPath, [join(root, 'scripts/build.mjs')]);
}

export function ensure() {
  ensureInstalled();
  ensureBuilt();
}

/** Folders count too: removing a file changes its folder. */
function newestSource() {
  let newest = Math.max(mtimeMs(join(root, 'scripts/build.mjs')), mtimeMs(join(root, 'package-lock.json')));
  const visit = (folder) => {
    newest = Math.max(newest, mtimeMs(folder));
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (!entry.name.endsWith('.test.ts')) newest = Math.max(newest, mtimeMs(path));
    }
  };
  for (const name of readdirSync(join(root, 'packages'))) {
    newest = Math.max(newest, mtimeMs(join(root, 'packages', name, 'package.json')));
    const source = join(root, 'packages', name, 'src');
    if (existsSync(source)) visit(source);
  }
  return newest;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) console.error(`ensure: ${command} could not be started: ${error.message}`);
  if (status !== 0) {
    console.error(`ensure: failed: ${command} ${args.join(' ')}`);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensure();
