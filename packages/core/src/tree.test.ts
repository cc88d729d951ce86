import { describe, expect, it, test } from 'vitest';
import { isDroverError } from './drover-error.ts';
import { BrokenPack, packHeader, readPack } from './pack.ts';
import {
  byPath,
  leavesTree,
  parseTreeLine,
  TREE_LIMITS,
  TreeCheck,
  type TreeEntry,
  treeText,
} from './tree.ts';

const hash = 'ab'.repeat(32);
const file = (path: string): TreeEntry => ({ path, type: 'file', mode: 0o644, size: 1, sha256: hash });
const dir = (path: string): TreeEntry => ({ path, type: 'dir', mode: 0o755 });
const link = (path: string, target: string): TreeEntry => ({ path, type: 'link', target });

/** The field of the first thing that is wrong, or null. */
function fault(entries: readonly unknown[]): unknown {
  const check = new TreeCheck();
  try {
    for (const entry of entries) check.take(entry);
    check.end();
    return null;
  } catch (error) {
    if (!isDroverError(error)) throw error;
    return error.details['field'];
  }
}

describe('a tree', () => {
  it('is JSON, and reads line by line', () => {
    const entries = [dir('a'), file('a/b'), link('c', 'a/b')];
    const text = [...treeText(entries)].join('');
    expect(JSON.parse(text)).toEqual({ v: 1, entries });
    const lines = text.split('\n').map(parseTreeLine);
    expect(lines.filter((line) => line !== null)).toEqual(entries);
    expect(JSON.parse([...treeText([])].join(''))).toEqual({ v: 1, entries: [] });
  });

  it.each<[string, unknown[], unknown]>([
    ['an ordinary one', [dir('a'), file('a-b'), file('a/b'), link('c', 'a')], null],
    ['an empty one', [], null],
    ['one file', [file('')], null],
    ['one file among others', [file(''), file('a')], 'entries.0.path'],
    ['an absolute path', [file('/etc/passwd')], 'entries.0.path'],
    ['a path with ..', [file('a/../b')], 'entries.0.path'],
    ['a path with an empty part', [file('a//b')], 'entries.0.path'],
    ['a path with NUL', [file('a\0')], 'entries.0.path'],
    ['a name that is too long', [file('é'.repeat(128))], 'entries.0.path'],
    ['half a surrogate pair', [file('a\ud800')], 'entries.0.path'],
    ['a path twice', [file('a'), file('a')], 'entries.1.path'],
    ['paths out of order', [file('b'), file('a')], 'entries.1.path'],
    ['an entry below a link', [link('a', 'b'), file('a/x')], 'entries.1.path'],
    ['an entry below a file, with others between', [file('a'), file('a-'), file('a/x')], 'entries.2.path'],
    ['a device', [{ path: 'a', type: 'device' }], 'entries.0.type'],
    ['a type from the prototype', [{ path: 'a', type: 'toString' }], 'entries.0.type'],
    ['setuid', [{ ...file('a'), mode: 0o4755 }], 'entries.0.mode'],
    ['a petabyte', [{ ...file('a'), size: 2 ** 50 }], 'entries.0.size'],
    ['a hash in capitals', [{ ...file('a'), sha256: 'AB'.repeat(32) }], 'entries.0.sha256'],
    ['a field that is not its own', [{ ...dir('a'), size: 1 }], 'entries.0.size'],
    ['an absolute link', [link('a', '/etc')], 'entries.0.target'],
    ['a link that leaves', [dir('d'), link('d/a', '../..')], 'entries.1.target'],
    ['no object', [1], 'entries.0'],
  ])('%s: the fault is told', (_, entries, field) => {
    expect(fault(entries)).toEqual(field);
  });

  it('has a limit', () => {
    const check = new TreeCheck();
    for (let at = 0; at < TREE_LIMITS.entries; at++) check.take(dir(`d${String(at).padStart(7, '0')}`));
    expect(() => check.take(dir('e'))).toThrow(/entries: at most/);
  });

  it('follows its links to judge where one leads', () => {
    const links = new Map([
      ['p/q/up', '../..'],
      ['out', 'p/q/up/..'],
      ['round', 'round'],
      ['in', 'p/q/up/p'],
    ]);
    expect([...links.keys()].map((path) => leavesTree(links, path))).toEqual([false, true, false, false]);
  });

  it('follows 40 links in a row, as a kernel does, from wherever they are met', () => {
    const row = (length: number, end: string) =>
      Array.from({ length }, (_, at): [string, string] => [`l${at}`, at + 1 < length ? `l${at + 1}` : end]);
    const leaving = (links: ReadonlyMap<string, string>) =>
      [...links.keys()].filter((path) => leavesTree(links, path)).length;
    expect(leaving(new Map(row(40, '..')))).toBe(40);
    expect(leaving(new Map(row(50, '..')))).toBe(40);
    expect(leaving(new Map(row(50, '..').reverse()))).toBe(40);
    expect(leaving(new Map([...row(20, 'd'), ['e', 'l0/../..']]))).toBe(1);
  });

  it('remembers where a link leads, and bounds what is followed', () => {
    const long = (next: string) => `${'x/../'.repeat(800)}${next}`;
    const chain = Array.from({ length: 39 }, (_, at) =>
      link(`z${at}`.padEnd(3, '_'), long(at < 38 ? `z${at + 1}`.padEnd(3, '_') : 'end')),
    );
    const many = Array.from({ length: 1000 }, (_, at) => link(`a${String(at).padStart(4, '0')}`, 'z0_'));
    expect(fault([...many, ...chain].sort(byPath))).toBeNull();
    const costly = Array.from({ length: 3000 }, (_, at) =>
      link(`a${String(at).padStart(4, '0')}`, long('end')),
    );
    expect(fault(costly)).toBe('entries');
  });

  it('sorts as it checks', () => {
    const sorted = [file('b/a'), file('é'), file('a'), file('a.b'), file('Z')].sort(byPath);
    expect(fault(sorted)).toBeNull();
  });
});

describe('a pack', () => {
  const bytes = (length: number) => Uint8Array.from({ length }, (_, at) => at % 251);
  const pack = (...sizes: number[]) =>
    Buffer.concat(sizes.flatMap((size) => [packHeader(hash, size), bytes(size)]));
  async function* pieces(whole: Uint8Array, size: number) {
    for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
  }

  test.each([1, 7, 36, 100, 5000])('comes in pieces of %i', async (size) => {
    const sizes = [0, 1, 35, 300, 0];
    const got = [];
    for await (const item of readPack(pieces(pack(...sizes), size))) got.push([item.sha256, [...item.bytes]]);
    expect(got).toEqual(sizes.map((length) => [hash, [...bytes(length)]]));
  });

  test('that is cut or claims too much is refused', async () => {
    const read = async (whole: Uint8Array) => {
      for await (const _ of readPack(pieces(whole, 50)));
    };
    await expect(read(pack(10).subarray(0, 40))).rejects.toThrow(BrokenPack);
    await expect(read(pack(10).subarray(0, 20))).rejects.toThrow(BrokenPack);
    await expect(read(packHeader(hash, 0))).resolves.toBeUndefined();
    await expect(read(packHeader(hash, 2 ** 30))).rejects.toThrow(/too large/);
  });
});
