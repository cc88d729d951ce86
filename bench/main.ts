/** `npm run bench -- instances [--peer pylet] [--rounds N]` */
import { parseArgs } from 'node:util';
import { benchInstances } from './instances.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { peer: { type: 'string' }, rounds: { type: 'string', default: '5' } },
});
if (positionals[0] !== 'instances' || (values.peer !== undefined && values.peer !== 'pylet')) {
  console.error('usage: npm run bench -- instances [--peer pylet] [--rounds N]');
  process.exit(2);
}
await benchInstances({ rounds: Number(values.rounds), peer: values.peer ?? null });
