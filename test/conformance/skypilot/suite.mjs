// SkyPilot's packages: `npm run conformance -- skypilot [SCENARIO | VERSION]...`
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonSuite } from '../python-suite.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));

export const { prepare, run, end } = pythonSuite({
  package: 'skypilot',
  versions: ['0.14.1', '0.9.3'],
  folder,
  pins: (version) => join(folder, `constraints-${version}.txt`),
  imports: 'sky',
  /** A start of the command line is two seconds of one core. */
  jobs: 2,
  scenarios: [
    { name: 'sdk', each: true, files: ['sdk', 'errors', 'files', 'wire', 'restart'] },
    { name: 'cli', each: true, files: ['cli', 'people'] },
  ],
});
