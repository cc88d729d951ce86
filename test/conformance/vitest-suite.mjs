// A suite that is written as vitest tests: a line per test, as the other suites print them.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

let child = null;

/** @param words node's arguments; vitest's TAP comes out of it */
export function runTests(words, { root, say }) {
  child = spawn(process.execPath, [...words, '--reporter=tap-flat'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, not, skipped, title] =
      /^(not )?ok \d+ - (?=.*(# SKIP)|)(?:\S+\.test\.ts > )?(.*?)(?: # (?:time|SKIP).*)?$/.exec(line) ?? [];
    if (title === undefined) return;
    if (skipped) say(`SKIP ${title}: skipped by its test`);
    else say(`${not ? 'FAIL' : 'ok'} ${title}`);
  });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else {
        say(`FAIL the suite left with ${code}`);
        resolve();
      }
    });
    child.once('error', reject);
  });
}

export async function endTests() {
  child?.kill('SIGTERM');
}
