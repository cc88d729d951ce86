// `npm test`: everything, in order, from a fresh clone. Ends with a table, and with a failure when any step failed.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensure } from './ensure.mjs';
import { readCounts, root, runStep, seconds, vitestCommand } from './steps.mjs';

ensure();

/** Suites of clients that are installed from elsewhere. */
const FOREIGN = ['pylet', 'skypilot', 'openapi'];

/** A step has either a command or the reason why it is skipped. `beside`: it runs while that earlier one does. */
const steps = [
  { name: 'check', command: [process.execPath, 'scripts/check.mjs'], counts: () => readCounts('unit') },
  vitestStep('e2e', 'test/e2e'),
  vitestStep('store', 'test/store'),
  vitestStep('examples', 'test/examples'),
  ...FOREIGN.map((suite) => ({
    name: suite,
    command: [process.execPath, 'scripts/conformance.mjs', suite],
    counts: countsInLastLines,
  })),
  { ...vitestStep('conformance', 'test/conformance'), name: 'requests' },
  { name: 'nodes', command: [process.execPath, 'scripts/nodes.mjs', '--others'], counts: countsInLastLines },
  {
    name: 'scenarios',
    ...scenarioCommand(),
    counts: () => readCounts('scenarios'),
  },
  {
    name: 'chaos',
    // In namespaces of its own, as the scenarios are in theirs; both mostly wait.
    beside: 'scenarios',
    command: [process.execPath, 'scripts/chaos.mjs', '--minutes', '1'],
    counts: () => ({ passed: 0, failed: 0, skipped: [] }),
  },
  {
    name: 'demo',
    command: [process.execPath, 'scripts/demo.mjs'],
    counts: () => ({ passed: 0, failed: 0, skipped: [] }),
  },
  {
    name: 'demo cluster',
    command: [process.execPath, 'scripts/demo.mjs', 'cluster'],
    counts: () => ({ passed: 0, failed: 0, skipped: [] }),
  },
];

/** Those of the reliability catalogue that need a network of their own, in namespaces. */
function scenarioCommand() {
  const { command, env } = vitestCommand('scenarios', ['chaos']);
  const reporters = command.filter((word) => word.startsWith('--reporter'));
  return { command: [process.execPath, 'scripts/chaos.mjs', '--scenarios', ...reporters], env };
}

function vitestStep(name, folder) {
  const path = join(root, folder);
  const found =
    existsSync(path) && readdirSync(path, { recursive: true }).some((file) => file.endsWith('.test.ts'));
  if (!found) return { name, skip: `no tests in ${folder} yet` };
  return { name, ...vitestCommand(name, [name]), counts: () => readCounts(name) };
}

/** A conformance suite prints "N passed, N failed, N skipped" (any of them) in its last lines, and a line "SKIP name: reason" per skip. */
function countsInLastLines(output) {
  const tail = output.trimEnd().split('\n').slice(-5).join('\n');
  const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(tail)?.[1] ?? 0);
  const reasons = [...output.matchAll(/^SKIP (.+?): (.+)$/gm)].map(([, name, reason]) => ({ name, reason }));
  const unexplained = Math.max(0, count('skipped') - reasons.length);
  const skipped = [
    ...reasons,
    ...Array.from({ length: unexplained }, () => ({ name: 'conformance', reason: 'no reason given' })),
  ];
  return { passed: count('passed'), failed: count('failed'), skipped };
}

// The suites of foreign clients install theirs meanwhile: most of that is waiting for the network and the disk.
const prepared = runStep([process.execPath, 'scripts/conformance.mjs', '--prepare', ...FOREIGN]);
const rows = [];
const skips = [];
/** Said once more at the very end, where whoever has only the end of the output finds it. */
const failures = [];
for (const step of steps) {
  if (step.skip) {
    skips.push({ name: `step ${step.name}`, reason: step.skip });
    rows.push([step.name, 'skipped', '', '', '', '']);
    continue;
  }
  if (FOREIGN.includes(step.name)) await prepared;
  for (const other of steps.filter(({ beside }) => beside === step.name))
    other.running = runStep(other.command, { env: other.env });
  console.log(`\n===== ${step.name} =====`);
  const { ok, output, ms } = await (step.running ?? runStep(step.command, { echo: true, env: step.env }));
  if (step.running) process.stdout.write(output);
  const counts = step.counts(output);
  skips.push(...(counts?.skipped ?? []));
  rows.push([
    step.name,
    ok ? 'ok' : 'FAILED',
    seconds(ms),
    counts?.passed ?? '?',
    counts?.failed ?? '?',
    counts?.skipped.length ?? '?',
  ]);
  if (ok) continue;
  process.exitCode = 1;
  failures.push(...(counts?.failures ?? []));
  if (!counts?.failures?.length) failures.push({ name: `step ${step.name}`, why: lastLines(output, 60) });
}

if (skips.length > 0) console.log('\nskipped:');
for (const { name, reason } of skips) console.log(`  ${name}: ${reason}`);
console.log('');
const total = (column) => rows.reduce((sum, row) => sum + (Number(row[column]) || 0), 0);
const table = [['step', 'result', 'time', 'passed', 'failed', 'skipped'], ...rows];
table.push(['total', process.exitCode ? 'FAILED' : 'ok', '', total(3), total(4), total(5)]);
for (const [name, ...cells] of table)
  console.log(name.padEnd(14) + cells.map((cell) => String(cell).padStart(9)).join(''));

for (const { name, why } of failures) console.log(`\nFAILED ${name}\n${lastLines(why, 60)}`);

function lastLines(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
