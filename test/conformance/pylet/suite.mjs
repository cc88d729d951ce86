// PyLet's packages: `npm run conformance -- pylet [SCENARIO | VERSION]...`
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonSuite } from '../python-suite.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));

export const { prepare, run, end } = pythonSuite({
  package: 'pylet',
  versions: ['0.5.0', '0.4.0'],
  folder,
  pins: () => join(folder, 'constraints.txt'),
  imports: 'pylet, pylet.cli, httpx',
  /** Each is a head, two workers and a Python process that mostly waits. */
  jobs: 3,
  scenarios: [
    { name: 'library', each: true, files: ['library', 'lists', 'lifecycle', 'cancel', 'gpus', 'client'] },
    { name: 'wire', each: true, files: ['routes', 'paths', 'hostile', 'behaviour'] },
    { name: 'cli', each: true, files: ['cli', 'cli_deletes'] },
    {
      name: 'offline',
      headFlags: ['--ping', '300ms', '--suspect-after', '1s', '--offline-after', '2s'],
      files: ['offline'],
    },
    {
      name: 'loopback',
      headFlags: ['--trust-loopback', '--also-listen', '8000'],
      files: ['loopback'],
      port: 8000,
    },
    { name: 'lenient', headFlags: ['--pylet-accounting', 'lenient'], files: ['lenient'] },
  ],
});
