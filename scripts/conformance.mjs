// `npm run conformance -- pylet`: the unmodified Python packages against a real head and real workers. A line per check,
// "N passed, N failed, N skipped" at the end. What cannot run here is skipped with its reason.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CannotRun, ensureBuilt, Herd, isPortFree } from '../test/conformance/pylet/herd.mjs';
import { makeVenv } from '../test/conformance/pylet/venv.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const tests = join(root, 'test/conformance/pylet');
const VERSIONS = ['0.5.0', '0.4.0'];
/** At once; each is a head, two workers and a Python process that mostly waits. */
const JOBS = 3;

/** `each`: a herd for each version; else one herd serves them one after the other. */
const SCENARIOS = [
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
];

const counts = { passed: 0, failed: 0, skipped: 0 };
const herds = new Set();
const children = new Set();
let isEnding = false;

function say(line) {
  if (line.startsWith('ok ')) counts.passed += 1;
  if (line.startsWith('FAIL ')) counts.failed += 1;
  if (line.startsWith('SKIP ')) counts.skipped += 1;
  console.log(line);
}

/** Runs one file of checks with one version of the package. */
async function runFile(scenario, herd, venv, file) {
  const conf = { version: venv.version, scenario: scenario.name, ...herd.describe() };
  const env = { PATH: process.env.PATH, HOME: herd.folder, LANG: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(venv.python, [join(tests, `${file}.py`)], {
    cwd: herd.folder,
    env: { ...env, DROVER_CONFORMANCE: JSON.stringify({ ...conf, bin: dirname(venv.python) }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  let failures = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('FAIL ')) failures += 1;
    say(line);
  });
  const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)));
  children.delete(child);
  if (code !== 0 && failures === 0 && !isEnding)
    say(`FAIL ${venv.version} ${scenario.name}/${file}: ended with ${signal ?? code} before its end`);
}

async function runScenario(scenario, venvs) {
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
      for (const file of scenario.files) if (!isEnding) await runFile(scenario, herd, venv, file);
  } catch (error) {
    if (error instanceof CannotRun) say(`SKIP ${title}: ${error.message}`);
    else if (!isEnding) say(`FAIL ${title}: ${error.message}`);
  } finally {
    const left = await herd.stop();
    herds.delete(herd);
    if (left.length > 0 && !isEnding) say(`FAIL ${title}: processes were left: ${left.join(' | ')}`);
  }
}

async function end(code) {
  isEnding = true;
  for (const child of children) child.kill('SIGTERM');
  await Promise.all([...herds].map((herd) => herd.stop()));
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end(130));
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.once(event, (error) => {
    console.error(error);
    void end(1);
  });
}

const args = process.argv.slice(2);
const wanted = args.filter((arg) => arg !== 'pylet');
if (args.includes('-h') || args.includes('--help') || (args.length > 0 && args[0] !== 'pylet')) {
  console.error(
    `usage: npm run conformance -- pylet [${SCENARIOS.map(({ name }) => name).join(' | ')} | VERSION]...`,
  );
  process.exit(2);
}
const chosen = (names) => {
  const some = names.filter((name) => wanted.includes(name));
  return some.length > 0 ? some : names;
};
const started = performance.now();
ensureBuilt(root);
const venvs = [];
for (const version of chosen(VERSIONS)) {
  const venv = await makeVenv(root, version);
  if (venv.skip) say(`SKIP pylet ${version}: ${venv.skip}`);
  else venvs.push(venv);
}
const names = chosen(SCENARIOS.map(({ name }) => name));
const queue = SCENARIOS.filter(({ name }) => names.includes(name) && venvs.length > 0).flatMap((scenario) =>
  scenario.each ? venvs.map((venv) => [scenario, [venv]]) : [[scenario, venvs]],
);
const work = async () => {
  for (let next = queue.shift(); next; next = queue.shift()) await runScenario(...next);
};
await Promise.all(Array.from({ length: JOBS }, work));
console.log(
  `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${((performance.now() - started) / 1000).toFixed(0)} s)`,
);
if (!isEnding) process.exit(counts.failed > 0 ? 1 : 0);
