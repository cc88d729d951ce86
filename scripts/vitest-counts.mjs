// A vitest reporter that writes counts and the reason of every skipped test to VITEST_COUNTS_FILE. The JSON reporter leaves the reasons out.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export default class CountsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed += 1; // the file could not be loaded
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length; // a hook of the suite threw
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'failed') counts.failed += 1;
        else
          counts.skipped.push({
            name: `${module.relativeModuleId}: ${test.fullName}`,
            reason: result.note ?? 'no reason given',
          });
      }
    }
    const file = process.env.VITEST_COUNTS_FILE;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(counts));
  }
}
