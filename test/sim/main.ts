/**
 * `npm run sim -- [--clusters] [--from N] [--seeds N] [--trace]`: many seeded lives, of instances or of clusters; prints
 * those that fail and how to replay them.
 * `--trace` writes down all that happens, for one seed.
 */
import { parseArgs } from 'node:util';
import { runClusterSeed } from './cluster-life.ts';
import { runLife } from './lives.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '200' },
    trace: { type: 'boolean', default: false },
    clusters: { type: 'boolean', default: false },
  },
});
const from = Number(values.from);
const count = Number(values.seeds);
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || count < 1) {
  console.error('sim: --from and --seeds take whole numbers');
  process.exit(2);
}
const run = values.clusters ? runClusterSeed : runLife;
const begun = performance.now();
let events = 0;
let failed = 0;
for (let seed = from; seed < from + count; seed++) {
  const result = await run(seed, values.trace ? (line) => console.log(line) : null);
  events += result.events;
  if (result.problem === null) continue;
  failed += 1;
  console.error(
    `seed ${seed}: ${result.problem}\n  replay: npm run sim --${values.clusters ? ' --clusters' : ''} --from ${seed} --seeds 1 --trace\n  faults: ${result.faults.join(' ')}`,
  );
}
const seconds = (performance.now() - begun) / 1000;
console.log(
  `${count} seeds from ${from}: ${count - failed} passed, ${failed} failed; ${events} events in ${seconds.toFixed(1)} s`,
);
process.exit(failed > 0 ? 1 : 0);
