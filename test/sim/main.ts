/** `npm run sim -- [--from N] [--seeds N]`: many seeded lives; prints the first that fails and how to replay it. */
import { parseArgs } from 'node:util';
import { runSeed } from './run-seed.ts';

const { values } = parseArgs({
  options: { from: { type: 'string', default: '1' }, seeds: { type: 'string', default: '200' } },
});
const from = Number(values.from);
const count = Number(values.seeds);
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || count < 1) {
  console.error('sim: --from and --seeds take whole numbers');
  process.exit(2);
}
const begun = performance.now();
let events = 0;
let failed = 0;
for (let seed = from; seed < from + count; seed++) {
  const result = await runSeed(seed);
  events += result.events;
  if (result.problem === null) continue;
  failed += 1;
  console.error(`seed ${seed}: ${result.problem}\n  replay: npm run sim -- --from ${seed} --seeds 1`);
}
const seconds = (performance.now() - begun) / 1000;
console.log(
  `${count} seeds from ${from}: ${count - failed} passed, ${failed} failed; ${events} events in ${seconds.toFixed(1)} s`,
);
process.exit(failed > 0 ? 1 : 0);
