/**
 * No pattern takes more than linear time, whatever it is given: each literal of the sources is tried on long texts of the
 * characters that it knows, which is where patterns that go back and forth lose themselves. One that is put together as the
 * program runs cannot be tried so, and may be of a caller's making: there is none without a reason. `globMatcher` of core
 * is for names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const LENGTH = 20_000;
/** A linear pattern needs well under 1 ms for such a text; a quadratic one hundreds. */
const BUDGET_MS = 40;

/** Where a pattern is made as the program runs, and why that is no danger. */
const MADE: Readonly<Record<string, string>> = {
  'packages/cli/src/text/sanitize.ts': 'of a literal beside it, with other flags',
};

interface Literal {
  readonly place: string;
  readonly pattern: RegExp;
}

interface Found {
  readonly literals: Literal[];
  /** Places. */
  readonly made: string[];
}

function patternsIn(path: string): Found {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const literals: Literal[] = [];
  const made: string[] = [];
  if (!text.includes('/') && !text.includes('RegExp')) return { literals, made };
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const visit = (node: ts.Node): void => {
    if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && isRegExp(node.expression.getText(source)))
      made.push(path);
    if (node.kind === ts.SyntaxKind.RegularExpressionLiteral) {
      const written = node.getText(source);
      const end = written.lastIndexOf('/');
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      const pattern = new RegExp(written.slice(1, end), written.slice(end + 1));
      literals.push({ place: `${path}:${line} ${written}`, pattern });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { literals, made };
}

const isRegExp = (called: string): boolean => /^(?:globalThis\.)?RegExp$/.test(called);

const found = readdirSync(join(ROOT, 'packages'))
  .filter((name) => name !== 'testkit')
  .flatMap((name) =>
    readdirSync(join(ROOT, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/[.]test[.]ts$|(^|\/)testing/.test(file))
      .map((file) => patternsIn(`packages/${name}/src/${file}`)),
  );
const literals = found.flatMap((each) => each.literals);

/** One of each kind that classes speak of. */
const KINDS = ['a', 'Z', '0', '_', '-', '.', '/', ' ', '\t', '\n', ':', '"', '%', '=', 'é'];

function texts({ source }: RegExp): string[] {
  const own = [...new Set(source.replaceAll(/\\[A-Za-z]|[\^$()[\]{}|?*+\\]/g, ''))].slice(0, 10);
  const begin = /^\^?((?:\\?[/.:"'#@<-]|[\w -])*)/.exec(source)?.[1]?.replaceAll('\\', '') ?? '';
  const one = [...new Set([...KINDS, ...own])].map((each) => each.repeat(LENGTH));
  const two = own.flatMap((a) => [...own.slice(0, 6), 'a', ' '].map((b) => (a + b).repeat(LENGTH / 8)));
  const long = [...one, ...two];
  return [...long, ...(begin === '' ? [] : long.map((text) => begin + text))].map((text) => `${text}\u0001`);
}

function slowest(pattern: RegExp): { readonly ms: number; readonly text: string } {
  let worst = { ms: 0, text: '' };
  for (const text of texts(pattern)) {
    const began = performance.now();
    pattern.lastIndex = 0;
    pattern.test(text);
    const ms = performance.now() - began;
    if (ms > worst.ms) worst = { ms, text };
    if (ms > 10 * BUDGET_MS) break;
  }
  return worst;
}

it('every pattern is linear', () => {
  expect(literals.length).toBeGreaterThan(200);
  const slow = literals
    .map(({ place, pattern }) => ({ place, pattern, ...slowest(pattern) }))
    // This machine may have been busy just then.
    .filter(({ ms, pattern }) => ms > BUDGET_MS && slowest(pattern).ms > BUDGET_MS)
    .map(
      ({ place, ms, text }) => `${place}: ${Math.round(ms)} ms for ${JSON.stringify(text.slice(0, 8))}...`,
    );
  expect(slow).toEqual([]);
});

it('no pattern is made as the program runs, but for those that are listed, with a reason each', () => {
  const made = new Set(found.flatMap((each) => each.made));
  expect([...made].sort()).toEqual(Object.keys(MADE).sort());
});
