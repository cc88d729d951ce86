import { describe, expect, it } from 'vitest';
import { LogSanitizer, oneLine } from './sanitize.ts';
import { formatCommand } from './shell.ts';
import { type Column, formatPage, formatTable } from './table.ts';
import { truncate, widthOf } from './width.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('names and messages', () => {
  it('become one line that controls nothing', () => {
    expect(oneLine('a\u001b[2Jb\nc\u202ed\u0085')).toBe('a [2Jb c d ');
  });
});

describe('a log on a terminal', () => {
  const clean = (...chunks: string[]) => {
    const sanitizer = new LogSanitizer();
    return chunks.map((chunk) => sanitizer.push(bytes(chunk))).join('') + sanitizer.end();
  };

  it.each([
    ['keeps lines and tabs', 'a\tb\nc', 'a\tb\nc'],
    ['keeps colours and ends them', '\u001b[1;31mred', '\u001b[1;31mred\u001b[0m'],
    ['drops cursor movement', 'a\u001b[2J\u001b[10;5Hb', 'ab'],
    ['drops titles', 'a\u001b]0;title\u0007b\u001b]0;title\u001b\\c', 'abc'],
    ['drops device control', 'a\u001bPq~\u001b\\b', 'ab'],
    ['drops short sequences', 'a\u001bc\u001b(Bb', 'ab'],
    ['drops eight-bit sequences', 'a\u009b2Jb', 'ab'],
    ['drops private SGR', 'a\u001b[?1mb\u001b[>4mc', 'abc'],
    ['drops bells and backspaces', 'a\u0007\bb\u0000', 'ab'],
    ['makes a lone return a new line', 'a\rb\r\nc\r\r\nd', 'a\nb\nc\nd'],
    ['ends an open title at the line', 'a\u001b]0;x\nb', 'a\nb'],
  ])('%s', (_, input, output) => {
    expect(clean(input)).toBe(output);
    expect(clean(...input)).toBe(output);
  });

  it('joins what is cut between chunks', () => {
    const sanitizer = new LogSanitizer();
    const cut = bytes('\u00e9');
    expect(sanitizer.push(cut.subarray(0, 1)) + sanitizer.push(cut.subarray(1))).toBe('\u00e9');
  });
});

describe('width', () => {
  it('counts columns, not characters', () => {
    expect(widthOf('abc')).toBe(3);
    expect(widthOf('\u65e5\u672c')).toBe(4);
    expect(widthOf('e\u0301')).toBe(1);
    expect(truncate('\u65e5\u672c\u8a9e\u65e5', 7)).toBe('\u65e5\u672c..');
    expect(truncate('abc', 3)).toBe('abc');
    expect(truncate('abcdef', 5)).toBe('abc..');
  });
});

describe('tables', () => {
  interface Row {
    readonly id: string;
    readonly name: string;
    readonly command: string;
  }
  const columns: Column<Row>[] = [
    { title: 'ID', value: ({ id }) => id },
    { title: 'NAME', value: ({ name }) => name, min: 5, drop: 1 },
    { title: 'COMMAND', value: ({ command }) => command, min: 8, drop: 2 },
  ];
  const rows: Row[] = [
    { id: '12345678', name: 'a', command: 'python train.py --epochs 300' },
    { id: '87654321', name: 'a long name', command: 'x\ny' },
  ];

  it('are aligned, and whole in a pipe', () => {
    expect(formatTable(columns, rows, Number.POSITIVE_INFINITY)).toEqual([
      'ID        NAME         COMMAND',
      '12345678  a            python train.py --epochs 300',
      '87654321  a long name  x y',
    ]);
  });

  it.each([60, 40, 30, 25, 20, 10, 5])('fit %d columns', (width) => {
    const lines = formatTable(columns, rows, width);
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(width);
    expect(lines[1]?.slice(0, 3)).toBe('123');
  });

  it('leave out a column in which nothing stands', () => {
    const nameless = rows.map((row) => ({ ...row, name: '' }));
    expect(formatTable(columns, nameless, 80)[0]).toBe('ID        COMMAND');
  });

  it('have a page form without what is not there', () => {
    expect(
      formatPage([
        ['id', '1'],
        ['name', null],
        ['status', 'x\u0007'],
      ]),
    ).toEqual(['id      1', 'status  x ']);
  });
});

describe('commands', () => {
  it('are quoted where a shell needs it', () => {
    expect(formatCommand('a | b')).toBe('a | b');
    expect(formatCommand(['sh', '-c', "it's", ''])).toBe("sh -c 'it'\\''s' ''");
  });
});
