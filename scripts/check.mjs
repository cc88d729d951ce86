// `npm run check`: every static check and the unit tests, two at a time. One line per check; the output of those that fail.
import { ensureInstalled } from './ensure.mjs';
import { readCounts, runStep, seconds, vitestCommand } from './steps.mjs';

const PARALLEL = 2;

ensureInstalled();
/** Longest first, so that the short ones fill the gap beside them. */
const checks = [
  { name: 'unit', ...vitestCommand('unit', ['unit', 'sim']) },
  { name: 'tsc', command: ['tsc', '--noEmit'] },
  { name: 'tsc pure', command: ['tsc', '-p', 'tsconfig.pure.json'] },
  { name: 'arrows', command: ['depcruise', '--config', '.dependency-cruiser.cjs', 'packages', 'test'] },
  { name: 'knip', command: ['knip', '--no-progress', '--no-config-hints'] },
  { name: 'biome', command: ['biome', 'ci', '--error-on-warnings', '--colors=off'] },
  { name: 'pure', command: [process.execPath, 'scripts/check-pure.mjs'] },
];

const failed = [];
const waiting = [...checks];
async function work() {
  for (let check = waiting.shift(); check; check = waiting.shift()) {
    const { ok, output, ms } = await runStep(check.command, { env: check.env });
    console.log(
      `check: ${check.name.padEnd(9)} ${ok ? 'ok  ' : 'FAIL'} ${seconds(ms).padStart(7)}${check.name === 'unit' ? unitCounts() : ''}`,
    );
    if (!ok) failed.push({ name: check.name, output });
  }
}

function unitCounts() {
  const counts = readCounts('unit');
  return counts ? `  ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped.length} skipped` : '';
}

await Promise.all(Array.from({ length: PARALLEL }, work));
for (const { name, output } of failed) console.log(`\n----- ${name} -----\n${output.trimEnd()}`);
if (failed.length > 0) {
  console.log(`\ncheck: failed: ${failed.map(({ name }) => name).join(', ')}`);
  process.exitCode = 1;
}
