// A vitest reporter that writes counts, the failures and the reason of every skipped test to VITEST_COUNTS_FILE. The JSON reporter leaves the reasons out.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export default class CountsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: 0, failures: [], skipped: [] };
    const fail = (name, errors) => {
      counts.failed += 1;
      counts.failures.push({ name, why: errors.map(wordsOf).join('\n') });
    };
    for (const error of unhandledErrors) fail('outside of every test', [error]);
    for (const module of modules) {
      const file = module.relativeModuleId;
      if (module.errors().length > 0) fail(`${file} could not be loaded`, module.errors());
      for (const suite of module.children.allSuites())
        for (const error of suite.errors()) fail(`${file}: a hook of ${suite.fullName}`, [error]);
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'failed') fail(`${file}: ${test.fullName}`, result.errors);
        else
          counts.skipped.push({
            name: `${file}: ${test.fullName}`,
            reason: result.note ?? 'no reason given',
          });
      }
    }
    const file = process.env.VITEST_COUNTS_FILE;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(counts));
  }
}

function wordsOf({ message, stack, diff }) {
  return [stack ?? message, diff].filter(Boolean).join('\n');
}
