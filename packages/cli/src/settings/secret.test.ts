import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfigFile } from './file.ts';
import { hasPassword, hasUserInfo, isSecret } from './secret.ts';

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
  '[head]\nstore = "postgres://h/d?user=u&password=p"\n',
])('a file with a secret that others can read is refused, with what to run: %j', (text) => {
  for (const mode of [0o644, 0o640, 0o604])
    expect(() => read(text, mode)).toThrow(/holds a secret \((head|worker)\..* is open to others \(mode 06/);
  expect(Object.keys(read(text, 0o600).values)).toHaveLength(1);
});

it('a file without one may be read by all', () => {
  const context = 'current = "lab"\n[contexts.lab]\nurl = "https://h"\n';
  for (const text of ['[head]\nstore = "sqlite"\n', '[worker]\nname = "x"\n', context])
    expect(Object.keys(read(text, 0o644).values)).not.toEqual([]);
});

it('passwords and tokens are seen wherever they stand', () => {
  for (const address of [
    'postgres://u:p@h/d',
    'postgres://h/d?password=p',
    'postgres://h/d?a=b&sslpassword=p',
  ])
    expect([address, hasPassword(address), isSecret('head', 'store', address)]).toEqual([
      address,
      true,
      true,
    ]);
  expect(hasPassword('postgres://u@h/d')).toBe(false);
  for (const address of ['http://drv_x@h', 'u:drv_x@h:1', 'drv_x@h']) expect(hasUserInfo(address)).toBe(true);
  for (const address of ['http://h/a@b', 'h:1', 'https://h?q=@']) expect(hasUserInfo(address)).toBe(false);
  for (const key of ['token', 'join-token', 'join_token']) expect(isSecret('ps', key, 'x')).toBe(true);
});
