import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfigFile } from './file.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'drover-config-'));
});
afterEach(() => rmSync(home, { recursive: true }));

function read(text: string, mode: number) {
  const file = join(home, '.config/drover/config.toml');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return readConfigFile({ HOME: home });
}

it.each([
  '[head]\nstore = "postgres://u:p@h/d"\n',
  '[worker]\njoin-token = "drvj_x"\n',
  '[worker]\njoin_token = "drvj_x"\n',
])('a file with a secret that others can read is refused, with what to run: %j', (text) => {
  for (const mode of [0o644, 0o640, 0o604])
    expect(() => read(text, mode)).toThrow(/holds a secret \((head|worker)\..* is open to others \(mode 06/);
  expect(Object.keys(read(text, 0o600).values)).toHaveLength(1);
});

it('a file without one may be read by all', () => {
  for (const text of ['[head]\nstore = "sqlite"\n', '[worker]\nname = "x"\n', 'current = "lab"\n'])
    expect(Object.keys(read(text, 0o644).values)).toHaveLength(1);
});
