// `npm run conformance -- tasks`: every file of this folder that needs no GPU and no outside network, on two ssh hosts. That all
// of them are parsed with the verdict that they name is a unit test (packages/core/src/task/conformance.test.ts).
import { join } from 'node:path';
import { endTests, runTests } from '../vitest-suite.mjs';

export const run = ({ root, say }) =>
  runTests([join(root, 'scripts/chaos.mjs'), '--scenarios', 'test/chaos/scenarios/tasks.test.ts'], {
    root,
    say,
  });
export const end = endTests;
