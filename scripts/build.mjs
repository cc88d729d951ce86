// Bundles the published package into packages/drover/dist. What does not exist yet is skipped with a message.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildShim } from './build-shim.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'packages/drover/dist');
const started = performance.now();

/** Output name -> source. All outputs lie side by side in dist, so `new URL('./commit-thread.js', import.meta.url)` works from any chunk. */
const ENTRIES = {
  bin: 'packages/drover/src/bin.ts',
  index: 'packages/drover/src/index.ts',
  local: 'packages/drover/src/local.ts',
  pylet: 'packages/drover/src/pylet.ts',
  sky: 'packages/drover/src/sky.ts',
  'commit-thread': 'packages/head/src/store/commit-thread.ts',
};
const SHIM = 'packages/worker/src/shim/shim.sh';

const skipped = [];
function present(path) {
  const exists = existsSync(join(root, path));
  if (!exists) skipped.push(path);
  return exists;
}
const entryPoints = Object.fromEntries(Object.entries(ENTRIES).filter(([, path]) => present(path)));
const { version } = JSON.parse(readFileSync(join(root, 'packages/drover/package.json'), 'utf8'));

/** Bundled CommonJS packages (fastify, ws) still call require, __dirname and __filename, which ESM lacks. */
const BANNER = [
  "import { createRequire as __droverCreateRequire } from 'node:module';",
  "import { fileURLToPath as __droverFileURLToPath } from 'node:url';",
  'const require = __droverCreateRequire(import.meta.url);',
  'const __droverFilename = __droverFileURLToPath(import.meta.url);',
  "const __droverDirname = __droverFileURLToPath(new URL('.', import.meta.url));",
].join('\n');

const result = await build({
  absWorkingDir: root,
  entryPoints,
  outdir: dist,
  bundle: true,
  splitting: true,
  chunkNames: 'chunk-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // pg asks for its native half and for Cloudflare's sockets only where they are wanted, which is never here.
  // ssh2 asks for native helpers, which it does without.
  external: ['libsql', 'pg-native', 'pg-cloudflare', 'cpu-features', '*.node'],
  banner: { js: BANNER },
  define: {
    __DROVER_VERSION__: JSON.stringify(version),
    __dirname: '__droverDirname',
    __filename: '__droverFilename',
  },
  sourcemap: process.argv.includes('--sourcemap') ? 'external' : false,
  legalComments: 'eof',
  logLevel: 'warning',
  write: false,
}).catch(() => process.exit(1)); // esbuild has printed what is wrong

mkdirSync(dist, { recursive: true });
const kept = new Set(['types', '.built']);
/** Written beside and renamed: a program that starts during a build sees the old file or the new one, never half of one. */
function place(name, contents, mode = 0o644) {
  kept.add(name);
  const temporary = join(dist, `.${name}.${process.pid}`);
  writeFileSync(temporary, contents);
  chmodSync(temporary, mode);
  renameSync(temporary, join(dist, name));
}
for (const file of result.outputFiles.sort(byEntriesLast)) place(basename(file.path), file.contents);
if (present(SHIM)) place('shim.sh', readFileSync(join(root, SHIM)), 0o755);
const native = buildShim();
if (native.path !== null) place('drover-shim', readFileSync(native.path), 0o755);
else console.log(`build: no native shim: ${native.why}; workers use shim.sh`);
for (const name of readdirSync(dist))
  if (!kept.has(name)) rmSync(join(dist, name), { recursive: true, force: true });
writeFileSync(join(dist, '.built'), '');

function byEntriesLast(a, b) {
  return Number(basename(b.path).startsWith('chunk-')) - Number(basename(a.path).startsWith('chunk-'));
}

for (const path of skipped) console.log(`build: skipped ${path} (does not exist yet)`);
const kilobytes = Math.round(result.outputFiles.reduce((sum, file) => sum + file.contents.length, 0) / 1024);
console.log(
  `build: ${Object.keys(entryPoints).join(', ') || 'nothing'} -> packages/drover/dist, ${kilobytes} kB in ${Math.round(performance.now() - started)} ms`,
);
