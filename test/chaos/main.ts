/** `npm run chaos`: see README.md. Started by scripts/chaos.mjs, inside namespaces of its own. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTS } from './faults/table.ts';
import { bundleFolder, runFolder } from './harness/sdk.ts';
import { HELP, parseOptions, type RunOptions } from './options.ts';
import { runChaos } from './run.ts';
import { describeRun } from './summary.ts';

let options: RunOptions | null = null;
try {
  options = parseOptions(process.argv.slice(2), FAULTS);
} catch (error) {
  console.error(`chaos: ${(error as Error).message}`);
  process.exit(2);
}
if (options === null) {
  console.log(HELP);
  process.exit(0);
}
const folder = join(runFolder(), 'run');
mkdirSync(folder, { recursive: true });
console.log(
  `chaos: seed ${options.seed}, ${options.minutes} minutes, ${options.workers} workers, rate ${options.rate}, bundle ${bundleHash()}, Node ${process.version}`,
);
console.log(`chaos: journal ${join(folder, 'journal.jsonl')}`);
try {
  const summary = await runChaos(options, folder, bundleFolder());
  for (const line of describeRun(summary)) console.log(line);
  const { problems } = summary.verdicts;
  if (problems.length === 0) {
    console.log('chaos: no rule was broken');
    process.exit(0);
  }
  for (const { checker, text, atMs } of problems.slice(0, 40))
    console.log(`VIOLATION at ${atMs} ms, ${checker}: ${text}`);
} catch (error) {
  console.error(error);
}
keep();
const only = options.only === null ? '' : ` --only ${options.only.join(',')}`;
console.log(`chaos: FAILED. Journal, logs, witness and database: ${folder}`);
console.log(
  `chaos: replay: npm run chaos -- --seed ${options.seed} --minutes ${options.minutes} --workers ${options.workers} --rate ${options.rate}${only}`,
);
process.exit(1);

/** Tells scripts/chaos.mjs, of this run and of later ones, to leave the folder. */
function keep(): void {
  writeFileSync(join(runFolder(), 'keep'), '');
}

/** Which build was tested: two with the same hash are the same programs. */
function bundleHash(): string {
  const dist = join(bundleFolder(), 'dist');
  const hash = createHash('sha256');
  for (const name of readdirSync(dist).sort())
    if (/\.(js|sh)$/.test(name)) hash.update(readFileSync(join(dist, name)));
  return hash.digest('hex').slice(0, 12);
}
