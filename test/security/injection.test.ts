/** Names, labels, variables and messages of others, where they end up: in shells, tables and headers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneLine, severalLines } from '../../packages/cli/src/text/sanitize.ts';
import { quote as quoteShown } from '../../packages/cli/src/text/shell.ts';
import { formatPage, formatTable } from '../../packages/cli/src/text/table.ts';
import { quote as quoteForHost } from '../../packages/head/src/infra/ssh/scripts.ts';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';

/** Pieces that mean something to a shell, a terminal or a log. */
const PIECES = [
  ...[
    '$(touch x)',
    '`touch x`',
    '; touch x #',
    '| touch x',
    '&& touch x',
    '\ntouch x\n',
    "'",
    '"',
    '\\',
    '$HOME',
  ],
  ...[
    '${IFS}',
    '!!',
    '~',
    '*',
    '-rf',
    '--',
    '{a,b}',
    '\u0007',
    '\u001b[2J',
    '\u001b]0;x\u0007',
    '\u009b2J',
    '\r',
  ],
  ...[
    '\u202e',
    '\u2028',
    '%s%n',
    '{"level":60}',
    '\r\nSet-Cookie: a=b',
    '\t',
    ' ',
    'a',
    '\u00fc',
    '\ud83d\ude00',
  ],
];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4 })), { maxLength: 6 })
  .map((parts) => parts.join(''));
/** What a terminal would act on. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

describe('a shell', () => {
  it.each([
    ['of a host', quoteForHost],
    ['that a person types into', quoteShown],
  ])('%s gets each word as it was given, and runs nothing of it', (_, quote) => {
    const words = fc.sample(hostile, 400).filter((word) => !word.includes('\0'));
    const dir = mkdtempSync(join(tmpdir(), 'drover-shell-'));
    const script = `printf '%s\\0' ${words.map(quote).join(' ')}`;
    const ended = spawnSync('sh', ['-s'], {
      input: script,
      cwd: dir,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    });
    rmSync(dir, { recursive: true });
    expect(ended.stderr).toBe('');
    expect(ended.stdout.split('\0').slice(0, -1)).toEqual(words);
  });
});

describe('a terminal', () => {
  it('gets tables, pages and messages that move nothing on it, one line for each row', () => {
    fc.assert(
      fc.property(
        fc.array(hostile, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 5, max: 120 }),
        (names, width) => {
          const columns = [
            { title: 'ID', value: () => '1' },
            { title: 'NAME', value: (name: string) => name, min: 4, drop: 1 },
          ];
          const lines = formatTable(columns, names, width);
          expect(lines).toHaveLength(names.length + 1);
          const page = formatPage(names.map((name) => ['name', name] as const));
          for (const line of [...lines, ...page, ...names.map(oneLine)]) {
            expect(line).not.toMatch(CONTROLS);
            expect(line).not.toContain('\n');
          }
          for (const name of names) expect(severalLines(name).replaceAll('\t', '')).not.toMatch(CONTROLS);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a head', () => {
  let head: TestHead;
  beforeAll(async () => {
    head = await startTestHead();
  });
  afterAll(() => head?.close());

  it('takes names by its grammar, and gives what it took back as it was', async () => {
    const names = fc.sample(hostile, 150);
    for (const name of names) {
      const body = {
        command: 'true',
        labels: { a: name.slice(0, 200) },
        env: { A: name.replaceAll('\0', '') },
      };
      for (const [path, wish] of [
        ['/v1/instances', { ...body, name }],
        ['/v1/clusters/launch', { cluster: name, task: { name, run: 'true', envs: body.env } }],
        ['/v1/users', { name }],
        ['/v1/projects', { name }],
        ['/v1/join-tokens', { pool: name }],
      ] as const) {
        const reply = await head.call('POST', path, wish);
        expect([path, name, reply.status < 500]).toEqual([path, name, true]);
        if (reply.status >= 400) continue;
        const stored = reply.json.name ?? reply.json.cluster;
        if (path === '/v1/instances')
          expect(reply.json).toMatchObject({ labels: body.labels, env: body.env });
        if (stored !== null && path !== '/v1/join-tokens') expect(stored).not.toMatch(CONTROLS);
      }
    }
  });

  it('writes no header that a caller has made', async () => {
    for (const value of [
      'x%0d%0aSet-Cookie:%20a=b',
      'x%0aSet-Cookie:%20a=b',
      '%E5%98%8A%E5%98%8DSet-Cookie:%20a=b',
    ])
      for (const path of [
        `/v1/instances/${value}`,
        `/v1/instances?name=${value}`,
        `/v1/clusters/${value}/jobs/-/log`,
        `/v1/requests/${value}/log`,
        `/api/get?request_id=${value}`,
        `/api/stream?request_id=${value}`,
        `/v1/nothing/${value}`,
      ]) {
        const reply = await head.call('GET', path);
        expect([path, reply.status < 500, reply.headers.get('set-cookie')]).toEqual([path, true, null]);
      }
    const id = 'x'.repeat(36);
    const reply = await head.call('GET', '/v1/head', undefined, {
      'drover-request-id': id,
      'drover-user': 'a b',
    });
    expect(reply.headers.get('drover-request-id')).not.toBe(id);
  });
});
