// The first look: a head and two workers on loopback, a batch command, an HTTP service, a worker killed with -9. Everything that it starts is ended
// again, also when it is interrupted. Plain node: on a fresh clone nothing is installed before ensure.mjs has run.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensure } from './ensure.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const drover = join(root, 'bin', 'drover');
const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const bold = (text) => (colour ? `\u001b[1m${text}\u001b[0m` : text);
const dim = (text) => (colour ? `\u001b[2m${text}\u001b[0m` : text);
const step = (text) => console.log(`\n${bold(text)}`);

await ensure();
if (process.argv[2] === 'cluster') {
  // Two ssh hosts need networks of their own.
  const words = [join(root, 'scripts/chaos.mjs'), '--program', 'test/chaos/cluster-demo.ts'];
  const child = spawn(process.execPath, words, { stdio: 'inherit', cwd: root });
  process.exit(await new Promise((resolve) => child.once('exit', resolve)));
}

const dir = mkdtempSync(join(tmpdir(), 'drover-demo-'));
const started = [];
let head = null;
let env = process.env;

/** Starts a program of ours and waits for the line that says that it serves. */
function serve(args) {
  const child = spawn(drover, [...args, '--json', '--log-level', 'error'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
      if (out.includes('\n')) resolve({ child, ready: JSON.parse(out) });
    });
    child.once('exit', (code, signal) => reject(new Error(`drover ${args[0]} ended with ${code ?? signal}`)));
  });
}

/** Runs one command of the CLI as a person would, and shows it. */
function show(...args) {
  console.log(dim(`$ drover ${args.map((each) => (/[\s$;&|]/.test(each) ? `'${each}'` : each)).join(' ')}`));
  return run(args, 'inherit');
}

function run(args, stdout) {
  const child = spawn(drover, args, { env, stdio: ['ignore', stdout, 'inherit'] });
  let out = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve({ code, out }));
  });
}

const json = async (...args) => JSON.parse((await run([...args, '--json'], 'pipe')).out);

async function until(what, holds) {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited 20 s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const over = (child) => child.exitCode !== null || child.signalCode !== null;
function end(child, signal) {
  if (over(child)) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill(signal);
  });
}

async function tidyUp() {
  if (head && !over(head)) {
    await run(['instance', 'delete', '--all', '--yes'], 'ignore');
    await until('the instances have gone', async () => (await json('ps', '--all')).length === 0);
  }
  for (const child of started.reverse()) await end(child, 'SIGTERM');
  rmSync(dir, { recursive: true, force: true });
}

async function main() {
  step('A head and two workers on loopback');
  const begun = performance.now();
  const first = await serve(['head', '--state', join(dir, 'head'), '--port', '0']);
  head = first.child;
  env = {
    ...process.env,
    DROVER_HEAD: first.ready.url,
    DROVER_TOKEN: readFileSync(first.ready.tokenFile, 'utf8'),
  };
  const { token } = await json('join-token', 'create', '--uses', '2');
  const workerArgs = (name) => [
    'worker',
    '--state',
    join(dir, name),
    '--head',
    first.ready.url,
    '--join-token',
    token,
    '--name',
    name,
    '--advertise',
    '127.0.0.1',
  ];
  const workers = await Promise.all([serve(workerArgs('north')), serve(workerArgs('south'))]);
  console.log(`ready after ${Math.round(performance.now() - begun)} ms`);
  await show('worker', 'list');

  step('A batch command: its log and its exit code');
  const batch = await show(
    'submit',
    '--follow',
    '--',
    'bash',
    '-c',
    'echo hello from $DROVER_INSTANCE_ID; exit 7',
  );
  console.log(`exit code ${batch.code}`);
  if (batch.code !== 7) throw new Error('the exit code of the command was lost');

  step('A service with a port of its own');
  // Node is the one language that is there for sure.
  await show(
    'submit',
    '--name',
    'web',
    'exec node -e "http.createServer((q, s) => s.end()).listen(process.env.PORT)"',
  );
  let web;
  await until('the service answers', async () => {
    web = await json('instance', 'show', 'web');
    return (
      web.endpoint !== null &&
      (await fetch(`http://${web.endpoint}/`).then(
        (reply) => reply.ok,
        () => false,
      ))
    );
  });
  console.log(`http://${web.endpoint}/ answers`);
  await show('ps');

  step('kill -9 of the worker that runs it');
  const names = ['north', 'south'];
  const list = await json('worker', 'list');
  const victim = names.indexOf(list.find((each) => each.id === web.workerId).name);
  await end(workers[victim].child, 'SIGKILL');
  const still = await fetch(`http://${web.endpoint}/`);
  console.log(`worker ${names[victim]} is dead; the service answers ${still.status}`);
  await serve(workerArgs(names[victim]));
  const after = await json('instance', 'show', 'web');
  console.log(
    `worker ${names[victim]} is back; the service is ${after.status}, pid ${after.pid} (was ${web.pid}), attempt ${after.attempt}`,
  );
  if (after.pid !== web.pid || after.attempt !== 1) throw new Error('the service was touched');
  await show('cancel', 'web', '--wait');

  step('Everything is ended again');
}

let failure = null;
const interrupted = new Promise((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => reject(new Error(`interrupted by ${signal}`)));
});
try {
  await Promise.race([main(), interrupted]);
} catch (error) {
  failure = error;
}
await tidyUp();
if (failure) {
  console.error(`demo: ${failure.message}`);
  process.exit(1);
}
console.log('no process is left. Next: "bin/drover up", and docs/first-herd.md');
process.exit(0);
