/** docs/security.md says which test shows which rule: all 22 are there, each with tests that exist and that its command runs. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/security.md', root), 'utf8');
const rows = [...page.matchAll(/^\| (\d+) \| (.+) \| (.+) \|$/gm)].map(
  ([, number, holds = '', tests = '']) => ({
    number: Number(number),
    holds,
    files: [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
  }),
);

test('every rule has its row', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 22 }, (_, at) => at + 1));
});

test.each(rows)('rule $number is said, and tested where the page says', ({ holds, files }) => {
  expect(holds).toContain('**');
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    // Those two projects are what `npm run security` runs.
    expect(file).toMatch(/^(packages\/\w+\/src\/|test\/(security|tidy|e2e)\/).*\.test\.ts$/);
    expect(readFileSync(new URL(file, root), 'utf8'), file).toMatch(
      /\b(it|test)(\.each|\.skipIf)?\(|Contract\(/,
    );
  }
});

test('every suite of test/security is named by a rule', () => {
  const named = new Set(rows.flatMap(({ files }) => files));
  const suites = readdirSync(new URL('test/security/', root)).filter((file) => file.endsWith('.test.ts'));
  expect(suites.filter((file) => !named.has(`test/security/${file}`))).toEqual([]);
});

test('what it links to is there', () => {
  for (const [, anchor = ''] of page.matchAll(/\]\(#([^)]+)\)/g))
    expect(page.toLowerCase().replaceAll(' ', '-')).toContain(`\n##-${anchor}\n`);
  expect(readFileSync(new URL('SECURITY.md', root), 'utf8')).toContain('docs/security.md');
});
