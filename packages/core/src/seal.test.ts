import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { isIntact, sealMessage } from './index.ts';

const TEXT = '{"n":1,"herd":"ä","frames":[{"type":"ping","sentMs":17}]}';

test('a sealed message is still the same message to who knows nothing of seals', () => {
  const { crc, ...rest } = JSON.parse(sealMessage(TEXT, crc32)) as Record<string, unknown>;
  expect(rest).toEqual(JSON.parse(TEXT));
  expect(crc).toMatch(/^[0-9a-f]{8}$/);
});

test('N10: a message in which one bit has changed is refused, wherever that is', () => {
  const sealed = Buffer.from(sealMessage(TEXT, crc32));
  expect(isIntact(sealed.toString(), crc32)).toBe(true);
  for (let at = 0; at < sealed.length * 8; at++) {
    const damaged = Buffer.from(sealed);
    damaged[at >> 3] = (damaged[at >> 3] ?? 0) ^ (1 << (at & 7));
    let isValid = isIntact(damaged.toString(), crc32);
    try {
      JSON.parse(damaged.toString());
    } catch {
      isValid = false;
    }
    expect(isValid, `bit ${at}`).toBe(false);
  }
});

test('a message without a number is of an older peer, which does not seal', () => {
  expect(isIntact('{"herd":null,"frames":[]}', crc32)).toBe(true);
  expect(isIntact(TEXT, crc32)).toBe(false);
});
