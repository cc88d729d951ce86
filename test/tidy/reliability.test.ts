/** docs/reliability.md says which test holds which scenario: each is there, under its number, and none is missing. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/reliability.md', root), 'utf8');
const rows = [...page.matchAll(/^\| ([PNTDCRLS]\d+) \|.*\| (.+) \|$/gm)].map(
  ([, number = '', tests = '']) => ({
    number,
    files: [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
  }),
);

const upTo = (letter: string, last: number): string[] =>
  Array.from({ length: last }, (_, index) => `${letter}${index + 1}`);
/** Those that concern instances; L6 and L7 have no object yet, and the page says so. */
const WANTED = [
  ...upTo('P', 19),
  ...upTo('N', 11),
  ...['N13', 'N15', 'N16'],
  ...upTo('T', 4),
  ...upTo('D', 6),
  ...['R1', 'R2', 'R9', 'R10', 'R11'],
  ...upTo('C', 10),
  ...upTo('L', 5),
  ...['S2', 'S3', 'S6', 'S13', 'S14'],
];

test('every scenario that concerns instances has its row', () => {
  const have = rows.map(({ number }) => number);
  expect(WANTED.filter((number) => !have.includes(number))).toEqual([]);
  expect(new Set(have).size).toBe(have.length);
});

test.each(rows)('$number is tested where the page says', ({ number, files }) => {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const titles = [
      ...readFileSync(new URL(file, root), 'utf8').matchAll(/['"`]((?:[PNTDCRLS]\d+[,:] ?)+)/g),
    ];
    const numbers = titles.flatMap(([, prefix = '']) => prefix.match(/[PNTDCRLS]\d+/g) ?? []);
    expect(numbers, file).toContain(number);
  }
});
