// What check.mjs and test.mjs share: running one command with its time and output, and the counts that the vitest reporter leaves.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a command from node_modules/.bin or the PATH. `echo` passes its output on as it comes; it is collected in any case. */
export function runStep(command, { echo = false, env = {} } = {}) {
  const started = performance.now();
  const [program, ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: {
        ...process.env,
        ...env,
        PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (stream) => (chunk) => {
      output += chunk;
      if (echo) stream.write(chunk);
    };
    child.stdout.setEncoding('utf8').on('data', take(process.stdout));
    child.stderr.setEncoding('utf8').on('data', take(process.stderr));
    const end = (ok, note = '') => resolve({ ok, output: output + note, ms: performance.now() - started });
    child.on('error', (error) => end(false, `${program}: ${error.message}\n`));
    child.on('close', (code, signal) => end(code === 0, signal ? `${program}: ended by ${signal}\n` : ''));
  });
}

/** The command for a vitest run over some projects; its counts are left under `name` and read by `readCounts`. */
export function vitestCommand(name, projects) {
  rmSync(countsFile(name), { force: true });
  const args = ['run', ...projects.flatMap((project) => ['--project', project])];
  return {
    command: ['vitest', ...args, '--reporter=default', '--reporter=./scripts/vitest-counts.mjs'],
    env: { VITEST_COUNTS_FILE: countsFile(name) },
  };
}

/** `{passed, failed, failures: [{name, why}], skipped: [{name, reason}]}`, or undefined when that run did not get to its end. */
export function readCounts(name) {
  return existsSync(countsFile(name)) ? JSON.parse(readFileSync(countsFile(name), 'utf8')) : undefined;
}

export function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

function countsFile(name) {
  return join(root, '.cache', `counts-${name}.json`);
}
