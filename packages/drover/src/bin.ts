/** The program `drover`: the command line, with head and worker lent to it. Each is loaded only when it runs. */
import { main } from '@drover/cli';
import { VERSION } from './version.ts';

process.exit(
  await main(process.argv.slice(2), {
    version: VERSION,
    runHead: async (flags) => await (await import('./head-process.ts')).runHead(flags),
    runBackup: async (flags) => await (await import('./backup-process.ts')).runBackup(flags),
    runRestore: async (flags) => await (await import('./backup-process.ts')).runRestore(flags),
    runWorker: async (flags) => await (await import('./worker-process.ts')).runWorker(flags),
  }),
);
