// `npm run conformance -- NAME [PART]...` (or `--prepare NAME...`, which only installs): one suite of test/conformance, against a real head and real workers. A line per
// check, "N passed, N failed, N skipped" at the end. What cannot run here is skipped with its reason.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'test/conformance');
const suites = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'suite.mjs')));

const [name, ...wanted] = process.argv.slice(2);
if (name === '--prepare') {
  // One after the other, beside whatever else goes on: nothing is waited for here that a suite would not wait for.
  for (const each of wanted) await (await import(join(folder, each, 'suite.mjs'))).prepare?.(root);
  process.exit(0);
}
if (name === undefined || !suites.includes(name) || wanted.some((word) => word.startsWith('-'))) {
  console.error(`usage: npm run conformance -- ${suites.join(' | ')} [PART]...`);
  process.exit(2);
}
const counts = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();
const suite = await import(join(folder, name, 'suite.mjs'));
/** Prints a line of a check, and counts it. */
const say = (line) => {
  if (line.startsWith('ok ')) counts.passed += 1;
  if (line.startsWith('FAIL ')) counts.failed += 1;
  if (line.startsWith('SKIP ')) counts.skipped += 1;
  console.log(line);
};
let isEnding = false;
const end = async (code) => {
  if (isEnding) return;
  isEnding = true;
  await suite.end();
  process.exit(code);
};
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end(130));
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.once(event, (error) => {
    console.error(error);
    void end(1);
  });
}
await suite.run({ root, wanted, say });
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`);
if (!isEnding) process.exit(counts.failed > 0 ? 1 : 0);
