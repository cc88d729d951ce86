// Runs files of Python checks with the unmodified packages of several versions, each against a herd of its own.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { CannotRun, ensureBuilt, Herd, isPortFree } from './herd.mjs';
import { makeVenv } from './venv.mjs';

/** A line with which a file of checks asks for something that only its runner can do. */
const KILL_HEAD = '#kill-head';
/** What the package prints besides is not for us. */
const OURS = /^(ok |FAIL |SKIP | {5})/;

/**
 * @param suite `package`, `versions`, `folder` of the checks, `jobs` at once, `pins(version)`, `imports`, `scenarios`:
 * each with `name`, `files`, and perhaps `headFlags`, `port` that must be free, and `each`: a herd for each version;
 * else one herd serves them one after the other
 */
export function pythonSuite(suite) {
  const herds = new Set();
  const children = new Set();
  let isEnding = false;

  /** Runs one file of checks with one version of the package. */
  async function runFile(say, scenario, herd, venv, file) {
    const conf = { version: venv.version, scenario: scenario.name, ...herd.describe() };
    const env = { PATH: process.env.PATH, HOME: herd.folder, LANG: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1' };
    const child = spawn(venv.python, [join(suite.folder, `${file}.py`)], {
      cwd: herd.folder,
      env: { ...env, DROVER_CONFORMANCE: JSON.stringify({ ...conf, bin: dirname(venv.python) }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    let failures = 0;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === KILL_HEAD) {
        void herd.restartHead();
        return;
      }
      if (line.startsWith('FAIL ')) failures += 1;
      if (OURS.test(line)) say(line);
    });
    const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
    children.delete(child);
    if (code !== 0 && failures === 0 && !isEnding)
      say(`FAIL ${venv.version} ${scenario.name}/${file}: ended with ${signal ?? code} before its end`);
  }

  async function runScenario(say, scenario, venvs) {
    const title = `${scenario.each ? `${venvs[0].version} ` : ''}${scenario.name}`;
    if (isEnding) return;
    if (scenario.port && !(await isPortFree(scenario.port))) {
      say(`SKIP ${title}: port ${scenario.port} is occupied on this machine`);
      return;
    }
    const herd = new Herd();
    herds.add(herd);
    try {
      await herd.start(scenario.headFlags ?? []);
      for (const venv of venvs)
        for (const file of scenario.files) if (!isEnding) await runFile(say, scenario, herd, venv, file);
    } catch (error) {
      if (error instanceof CannotRun) say(`SKIP ${title}: ${error.message}`);
      else if (!isEnding) say(`FAIL ${title}: ${error.message}`);
    } finally {
      const left = await herd.stop();
      herds.delete(herd);
      if (left.length > 0 && !isEnding) say(`FAIL ${title}: processes were left: ${left.join(' | ')}`);
    }
  }

  return {
    /** Installs what {@link run} needs, so that it need not wait for that. */
    async prepare(root) {
      for (const version of suite.versions) await makeVenv(root, suite, version);
    },
    async run({ root, wanted, say }) {
      const { scenarios, versions } = suite;
      const chosen = (names) => {
        const some = names.filter((name) => wanted.includes(name));
        return some.length > 0 ? some : names;
      };
      ensureBuilt(root);
      const venvs = [];
      for (const version of chosen(versions)) {
        const venv = await makeVenv(root, suite, version);
        if (venv.skip) say(`SKIP ${suite.package} ${version}: ${venv.skip}`);
        else venvs.push(venv);
      }
      const names = chosen(scenarios.map(({ name }) => name));
      const queue = scenarios
        .filter(({ name }) => names.includes(name) && venvs.length > 0)
        .flatMap((scenario) =>
          scenario.each ? venvs.map((venv) => [scenario, [venv]]) : [[scenario, venvs]],
        );
      const work = async () => {
        for (let next = queue.shift(); next; next = queue.shift()) await runScenario(say, ...next);
      };
      await Promise.all(Array.from({ length: suite.jobs }, work));
    },
    async end() {
      isEnding = true;
      for (const child of children) child.kill('SIGTERM');
      await Promise.all([...herds].map((herd) => herd.stop()));
    },
  };
}
