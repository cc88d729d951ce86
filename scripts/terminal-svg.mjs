// Draws docs/terminal.svg from what `npm run demo` prints: run it after the words of the demo have changed.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { stdout, status } = spawnSync(process.execPath, [join(root, 'scripts/demo.mjs')], {
  encoding: 'utf8',
  env: { ...process.env, COLUMNS: '96' },
});
if (status !== 0) throw new Error(`the demo ended with ${status}`);
const WIDTH = 96;
const lines = stdout
  .split('\n')
  .filter((line) => !line.startsWith('ensure:') && !line.startsWith('build:'))
  .map((line) => (line.length > WIDTH ? `${line.slice(0, WIDTH - 3)}...` : line));
while (lines[0] === '') lines.shift();
while (lines.at(-1) === '') lines.pop();
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const STEP = 17;
const height = lines.length * STEP + 32;
const classOf = (line, before) =>
  line.startsWith('$ ') ? 'command' : before === '' || before === undefined ? 'step' : 'out';
const text = lines.map(
  (line, at) =>
    `  <text class="${classOf(line, lines[at - 1])}" x="16" y="${28 + at * STEP}" xml:space="preserve">${escaped(line)}</text>`,
);
writeFileSync(
  join(root, 'docs/terminal.svg'),
  `<svg xmlns="http://www.w3.org/2000/svg" width="820" height="${height}" viewBox="0 0 820 ${height}">
  <title>The Drover demo in a terminal</title>
  <style>text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #d6d6d6 } .step { fill: #ffffff; font-weight: bold } .command { fill: #7fb4ff }</style>
  <rect width="100%" height="100%" rx="8" fill="#15181c"/>
${text.join('\n')}
</svg>
`,
);
