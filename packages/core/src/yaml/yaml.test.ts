import { describe, expect, it } from 'vitest';
import { DroverError } from '../drover-error.ts';
import { readYaml, YAML_LIMITS } from './index.ts';

const read = (text: string): unknown => structuredClone(readYaml(text)[0]?.value);
function refusal(text: string): {
  rule: string;
  line: number | null;
  column: number | null;
  message: string;
} {
  try {
    readYaml(text, 'task.yaml');
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    expect(error.code).toBe('INVALID_YAML');
    const { rule, line, column } = error.details as { rule: string; line: number; column: number };
    return { rule, line, column, message: error.message };
  }
  throw new Error('was taken');
}

describe('YAML', () => {
  it('reads words of YAML 1.1, dates and times of day as texts', () => {
    expect(read('a: no\nb: on\nc: Yes\nd: 2024-01-31\ne: 1:30\nf: 1_000\ng: ~\nh: true')).toEqual({
      a: 'no',
      b: 'on',
      c: 'Yes',
      d: '2024-01-31',
      e: '1:30',
      f: '1_000',
      g: null,
      h: true,
    });
  });

  it('reads numbers by YAML 1.2, and knows how they were written', () => {
    const [document] = readYaml('a: 0o17\nb: 017\nc: 1.10\nd: 0x1F\ne: 12345678901234567890');
    expect(structuredClone(document?.value)).toMatchObject({ a: 15, b: 17, c: 1.1, d: 31 });
    expect(['a', 'b', 'c', 'd', 'e'].map((key) => document?.written([key]))).toEqual([
      '0o17',
      '017',
      '1.10',
      '0x1F',
      '12345678901234567890',
    ]);
  });

  it('knows where each value stands', () => {
    const [, second] = readYaml('a: 1\n---\nresources:\n  any_of:\n    - cpus: 4\n    - {memory: 2, x: }\n');
    expect(second?.locate(['resources', 'any_of', 0, 'cpus'])).toEqual({ line: 5, column: 13 });
    expect(second?.locate(['resources', 'any_of', 1, 'memory'])).toEqual({ line: 6, column: 16 });
    expect(second?.locate(['resources', 'any_of', 1, 'x'])).toMatchObject({ line: 6 });
    expect(second?.locate(['nowhere'])).toBeNull();
  });

  it('follows anchors, aliases and merges; what stands in the mapping itself wins', () => {
    const text =
      'base: &b {cpus: 4, memory: 8}\none: *b\ntwo:\n  <<: *b\n  memory: 16\nthree: {<<: [{x: 1}, {x: 2, y: 3}]}';
    expect(read(text)).toEqual({
      base: { cpus: 4, memory: 8 },
      one: { cpus: 4, memory: 8 },
      two: { cpus: 4, memory: 16 },
      three: { x: 1, y: 3 },
    });
  });

  it('takes a byte order mark, other line ends, comments, and keys that are not text', () => {
    expect(read('\ufeffa: 1 # one\r\nb: 2\r\n8080: x\r\ntrue: y\r\n')).toEqual({
      a: 1,
      b: 2,
      '8080': 'x',
      true: 'y',
    });
    expect(readYaml('').map((each) => each.value)).toEqual([]);
    expect(readYaml('# only a comment\n')).toEqual([]);
    expect(readYaml('---\n---\na: 1').map((each) => each.value)[0]).toBeNull();
    expect(read('!!str 123')).toBe('123');
  });

  it('takes __proto__ as a key like any other', () => {
    const value = readYaml('__proto__: {polluted: 1}')[0]?.value as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['a tab as indentation', 'a:\n\tb: 1', /tab/, 2, 1],
    ['a key twice', 'a: 1\nb: 2\na: 3', /"a" comes twice/, 3, 1],
    ['a tag for code', 'run: !!js/function "() => 1"', /tag/, 1, 6],
    ['a tag of one’s own', 'run: !env HOME', /tag/, 1, 6],
    ['a binary', 'run: !!binary aGk=', /tag/, 1, 15],
    ['an alias of nothing', 'a: *nowhere', /no anchor/, 1, 4],
    ['an alias that holds itself', 'a: &a [*a]', /holds itself/, 1, 8],
    ['a merge of a text', 'a: {<<: text}', /<< takes/, 1, 9],
    ['a list as a key', '? [a, b]\n: 1', /key is a text/, 1, 3],
    ['another version', '%YAML 1.1\n---\na: no', /YAML 1\.2/, 1, 1],
    ['a bracket that stays open', 'a: [1, 2', /./, 1, 9],
    ['a quote that stays open', 'a: "text\nb: 1', /./, null, null],
    ['bad indentation', 'a: 1\n  b: 2', /./, null, null],
  ])('refuses %s, and says where', (_what, text, rule, line, column) => {
    const refused = refusal(text);
    expect(refused.rule).toMatch(rule);
    if (line !== null) expect(refused).toMatchObject({ line, column });
    expect(refused.message).toMatch(/^task\.yaml:\d+:\d+: /);
  });

  it('refuses a bomb of aliases at once', () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? 'a0: &a0 [x, x, x, x, x, x, x, x, x]'
        : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(9)}]`,
    );
    const merges = Array.from({ length: 30 }, (_, level) =>
      level === 0 ? 'm0: &m0 {k: 1}' : `m${level}: &m${level} {<<: [*m${level - 1}, *m${level - 1}]}`,
    );
    const started = performance.now();
    expect(refusal(levels.join('\n')).rule).toBe('too many values');
    expect(refusal(merges.join('\n')).rule).toBe('too many values');
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it.each([
    ['long', 'a'.repeat(YAML_LIMITS.characters + 1)],
    ['deep brackets', '['.repeat(100_000)],
    ['deep braces', '{a: '.repeat(50_000)],
    ['deep dashes', '- '.repeat(50_000)],
    ['deep question marks', '? '.repeat(50_000)],
    ['deep indentation', Array.from({ length: 1400 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
    ['many keys', Array.from({ length: 100_000 }, (_, key) => `k${key}:`).join('\n')],
    ['many aliases', `a: &a 1\nb: [${'*a,'.repeat(200_000)}]`],
    ['many documents', '--- a\n'.repeat(50_000)],
    ['many commas', `[${'x,'.repeat(500_000)}]`],
    ['many stars', '* '.repeat(500_000)],
    ['many anchors', '& '.repeat(500_000)],
    ['many tags', '! '.repeat(500_000)],
    ['many directives', '% \n'.repeat(300_000)],
    ['many quotes', '"\n'.repeat(500_000)],
  ])('refuses what is too %s, without much time or a stack', { timeout: 30_000 }, (_what, text) => {
    const started = performance.now();
    expect(refusal(text).rule).not.toBe('');
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('counts tokens before it parses, and takes a task file of 2,000 lines', () => {
    const most = `at most ${YAML_LIMITS.tokens} tokens`;
    for (const unit of ['x,', '[],', '"a": b,'])
      expect(refusal(`[${unit.repeat(60_000)}]`).rule, unit).toBe(most);
    for (const unit of ['* ', '% \n', ':\n', '-\n'])
      expect(refusal(unit.repeat(200_000)).rule, unit).toBe(most);
    const lines = Array.from(
      { length: 1000 },
      (_, at) => `  KEY_${at}: "value ${at}" # why\n  other-${at}: [a, b]`,
    );
    expect(Object.keys(read(`envs:\n${lines.join('\n')}`) as object)).toEqual(['envs']);
    expect(read(`run: |\n${'  echo [[[ - - - "\n'.repeat(20_000)}`)).toHaveProperty('run');
  });

  it('stops at brackets that close nothing, and says what is wrong in few words', () => {
    expect(refusal(']'.repeat(40_000)).rule).toBe('more brackets close than open');
    expect(refusal(`%${'x'.repeat(100_000)}\n--- a`).message.length).toBeLessThan(400);
    expect(refusal('a: [x]]')).toMatchObject({ line: 1, column: 7 });
  });

  it.each(['["]", ', "[']', ", '{"}": ', '- ', '-\t', ': ', '[- - ', '! ', '& '])(
    'is not fooled about depth by %j',
    (unit) => {
      expect(refusal(`${unit}`.repeat(5000)).rule).toBe('nested too deeply');
    },
  );

  it('takes a key of 1,024 characters, and none that is longer', () => {
    const key = 'k'.repeat(1024);
    const [document] = readYaml(`${key}:\n  - 1\n  - a`);
    expect(document?.locate([key, 1])).toEqual({ line: 3, column: 5 });
    expect(document?.locate([key, '1'])).toBeNull();
    const values = Array.from({ length: 4000 }, (_, at) => `  - ${at}\n`).join('');
    expect(refusal(`? ${'k'.repeat(17_000)}\n:\n${values}`).rule).toBe('a key has at most 1024 characters');
    expect(refusal(`? ${'k'.repeat(1025)}\n: 1`).rule).toBe('a key has at most 1024 characters');
  });
});
