// `npm run conformance -- requests`: submit, detach, kill the head, start it again, reattach from another process, result.
import { join } from 'node:path';
import { endTests, runTests } from '../vitest-suite.mjs';

export const run = ({ root, say }) =>
  runTests(
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--project',
      'conformance',
      'test/conformance/requests',
    ],
    { root, say },
  );
export const end = endTests;
