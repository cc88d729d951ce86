/** `npm run bench -- instances [--peer pylet] [--rounds N]`, `npm run bench -- restart|files|clusters|door [--rounds N]` */
import { parseArgs } from 'node:util';
import { benchClusters } from './clusters.ts';
import { benchDoor } from './door.ts';
import { benchFiles } from './files.ts';
import { benchInstances } from './instances.ts';
import { benchRestart } from './restart.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { peer: { type: 'string' }, rounds: { type: 'string', default: '5' } },
});
const [what] = positionals;
const rounds = Number(values.rounds);
const isKnown =
  (what === 'instances' ||
    what === 'restart' ||
    what === 'files' ||
    what === 'clusters' ||
    what === 'door') &&
  [undefined, 'pylet'].includes(values.peer);
if (!isKnown || !(rounds > 0)) {
  console.error(
    'usage: npm run bench -- instances [--peer pylet] [--rounds N]\n       npm run bench -- restart|files|clusters|door [--rounds N]',
  );
  process.exit(2);
}
if (what === 'restart') await benchRestart(rounds);
else if (what === 'files') await benchFiles(rounds);
else if (what === 'clusters') await benchClusters(rounds);
else if (what === 'door') await benchDoor(rounds);
else await benchInstances({ rounds, peer: values.peer ?? null });
