// The API document: `npm run conformance -- openapi [SCENARIO]...`. A Python client is generated from it and used, and a
// property tester calls every operation with values of its own making.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonSuite } from '../python-suite.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));

export const { prepare, run, end } = pythonSuite({
  package: 'openapi-python-client',
  versions: ['0.29.1'],
  also: ['schemathesis==4.32.5'],
  folder,
  pins: () => join(folder, 'constraints.txt'),
  imports: 'openapi_python_client, schemathesis, httpx',
  /** Each is a head, two workers, and a Python process that calls without a pause. */
  jobs: 3,
  scenarios: [
    { name: 'client', files: ['client'] },
    { name: 'bounds', files: ['properties'] },
    { name: 'random', files: ['properties'] },
  ],
});
