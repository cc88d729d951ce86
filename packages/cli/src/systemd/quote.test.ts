import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { environmentLine, plainPath, quoteArgument, quoteWord } from './quote.ts';

/**
 * A line of `ExecStart=` as systemd reads it (systemd.service(5), "Command lines"): specifiers, then words with quotes and
 * escapes, then variables. What it would not take is an error.
 */
function splitCommand(line: string, variables: Readonly<Record<string, string>>): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    if (line[at] === ' ') {
      at += 1;
      continue;
    }
    let word = '';
    let quote = '';
    for (; at < line.length && (quote !== '' || line[at] !== ' '); at++) {
      const char = line[at] as string;
      if (char === '\\') {
        at += 1;
        if (line[at] !== '\\' && line[at] !== '"') throw new Error(`an escape of ${line[at]}`);
        word += line[at];
      } else if (quote === '' && (char === '"' || char === "'")) {
        if (word !== '') throw new Error('a quote within a word');
        quote = char;
      } else if (char === quote) quote = '';
      else word += char;
    }
    if (quote !== '') throw new Error('an open quote');
    words.push(word);
  }
  return words.map((each) => variablesIn(specifiersIn(each), variables));
}

const specifiersIn = (text: string): string =>
  text.replace(/%(.?)/gu, (_, next: string) => {
    if (next === '%') return '%';
    throw new Error(`the specifier %${next}`);
  });

const variablesIn = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replace(/\$(\$|\{\w+\}|\w+)?/g, (whole, name: string | undefined) =>
    name === '$' ? '$' : name === undefined ? whole : (variables[name.replace(/[{}]/g, '')] ?? ''),
  );

/** Words as people give them, with more of what means something to systemd than chance would bring. */
const word = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '%',
        '%%',
        '%i',
        '$',
        '$$',
        '${HOME}',
        '$HOME',
        '\\',
        '\\n',
        '\\x41',
        '"',
        "'",
        ' ',
        ';',
        '#',
        '-',
        '@',
        ':',
        '!',
        '+',
        '=',
        '~',
        'é',
        '🐑',
      ),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are refused
  .filter((text) => !/[\u0000-\u001f\u007f]/.test(text));

describe('a word of ExecStart', () => {
  it('reaches the program as it was given, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        const line = ['/usr/bin/drover', ...words].map(quoteArgument).join(' ');
        expect(line).not.toContain('\n');
        const environment = { HOME: 'WRONG', i: 'WRONG' };
        expect(splitCommand(line, environment)).toEqual(['/usr/bin/drover', ...words]);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['--port', '--port'],
    ['two words', '"two words"'],
    ['100%', '"100%%"'],
    ['$HOME', '"$$HOME"'],
    ['a\\b', '"a\\\\b"'],
    ['say "x"', '"say \\"x\\""'],
    ['', '""'],
    [';', '";"'],
  ])('is %s as %s', (given, written) => expect(quoteArgument(given)).toBe(written));

  it.each(['a\nb', 'a\rb', 'a\0b', 'a\u001bb', 'a\u007fb', '\t'])('cannot be %j', (given) => {
    expect(() => quoteArgument(given)).toThrow('cannot stand in a systemd unit');
    expect(() => quoteWord(given)).toThrow('cannot stand in a systemd unit');
    expect(() => plainPath(given)).toThrow('cannot stand in a systemd unit');
    expect(() => environmentLine('A', given)).toThrow('cannot stand in a systemd unit');
  });
});

describe('other settings', () => {
  it('have no variables, so a dollar stays one', () => {
    expect(quoteWord('DROVER_STATE=/srv/$x 5%')).toBe('"DROVER_STATE=/srv/$x 5%%"');
  });

  it('have paths that are not split', () => {
    expect(plainPath('/etc/my drover/50%.env')).toBe('/etc/my drover/50%%.env');
    expect(() => plainPath('/etc/x\\')).toThrow('backslash');
  });

  it('have lines of variables that no shell would change', () => {
    expect(environmentLine('DROVER_STORE', 'postgres://u:p"$`\\@h/d')).toBe(
      'DROVER_STORE="postgres://u:p\\"\\$\\`\\\\@h/d"',
    );
  });
});
