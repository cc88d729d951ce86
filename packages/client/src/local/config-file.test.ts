import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { changeConfigFile, useContext } from './config-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-config-'));
  path = join(folder, 'drover', 'config.toml');
});
afterEach(() => rmSync(folder, { recursive: true }));

const contextsOf = (): string[] => Object.keys(parse(readFileSync(path, 'utf8')).contexts as object).sort();
const names = Array.from({ length: 20 }, (_, at) => `c${String(at).padStart(2, '0')}`);

test('twenty that log in at once keep all of their contexts, and leave nothing beside the file', async () => {
  await Promise.all(names.map((name) => useContext(path, name, { url: 'http://127.0.0.1:1', token: name })));
  expect(contextsOf()).toEqual(names);
  expect(readdirSync(join(folder, 'drover'))).toEqual(['config.toml']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a lock that a killed program has left holds up nobody for long, and all who see it lose nothing', async () => {
  mkdirSync(join(folder, 'drover'));
  writeFileSync(`${path}.lock`, '');
  utimesSync(`${path}.lock`, 1, 1);
  await Promise.all(names.map((name) => useContext(path, name, { url: 'http://127.0.0.1:1' })));
  expect(contextsOf()).toEqual(names);
  expect(readdirSync(join(folder, 'drover'))).toEqual(['config.toml']);
});

test('a change that throws, and a file that is no TOML, leave everything as it was', async () => {
  await useContext(path, 'a', { url: 'http://127.0.0.1:1' });
  const before = readFileSync(path, 'utf8');
  const refused = changeConfigFile(path, () => {
    throw new Error('not so');
  });
  await expect(refused).rejects.toThrow('not so');
  expect(readFileSync(path, 'utf8')).toBe(before);
  writeFileSync(path, '= no TOML');
  await expect(useContext(path, 'b', { url: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
  });
  expect(readFileSync(path, 'utf8')).toBe('= no TOML');
  expect(existsSync(`${path}.lock`)).toBe(false);
});

test('a folder in its place is said to be what cannot be read', async () => {
  mkdirSync(path, { recursive: true });
  await expect(useContext(path, 'a', { url: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    message: expect.stringContaining('cannot be read'),
  });
});
