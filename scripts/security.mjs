// `npm run security`: every test that docs/security.md names, in one run each for the units and for the real programs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensure } from './ensure.mjs';
import { readCounts, root, runStep, seconds, vitestCommand } from './steps.mjs';

ensure();

const page = readFileSync(join(root, 'docs/security.md'), 'utf8');
const files = [...new Set([...page.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, file]) => file))].sort();
const isReal = (file) => file.startsWith('test/e2e/');
/** Each project with its files; the page names none of another one. */
const runs = [
  { name: 'unit', files: files.filter((file) => !isReal(file)) },
  { name: 'e2e', files: files.filter(isReal) },
];

const rows = [];
for (const { name, files: wanted } of runs) {
  const { command, env } = vitestCommand(`security-${name}`, [name]);
  console.log(`\n===== ${name}: ${wanted.length} files =====`);
  const { ok, ms } = await runStep([...command, ...wanted], { echo: true, env });
  const counts = readCounts(`security-${name}`);
  for (const { name: test, reason } of counts?.skipped ?? []) console.log(`skipped: ${test}: ${reason}`);
  rows.push({ name, ok, ms, files: wanted.length, counts });
  if (!ok) process.exitCode = 1;
}

console.log('');
for (const { name, ok, ms, files: count, counts } of rows)
  console.log(
    `security: ${name.padEnd(5)} ${ok ? 'ok  ' : 'FAIL'} ${seconds(ms).padStart(7)}  ${count} files, ${counts?.passed ?? '?'} passed, ${counts?.failed ?? '?'} failed, ${counts?.skipped.length ?? '?'} skipped`,
  );
