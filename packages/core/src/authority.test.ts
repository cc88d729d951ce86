import { describe, expect, it } from 'vitest';
import { parseCa, pemOfCa } from './authority.ts';

/** As long as it says, which is all that is looked at here. */
function der(length: number, fill = 0xff): Buffer {
  const bytes = Buffer.alloc(length, fill);
  bytes.set([0x30, 0x82, (length - 4) >> 8, (length - 4) & 0xff]);
  return bytes;
}
const word = (bytes: Buffer): string => bytes.toString('base64url');
const pem = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

describe('the text of an authority', () => {
  it.each([300, 301, 302, 400])('of %i bytes is the same as a word and as PEM', (length) => {
    const ca = `ca_${word(der(length))}`;
    expect(parseCa(`  ${ca}\n`)).toBe(ca);
    expect(parseCa(pem(der(length)))).toBe(ca);
    expect(parseCa(pemOfCa(ca))).toBe(ca);
    expect(Buffer.from(pemOfCa(ca).split('\n').slice(1, -2).join(''), 'base64')).toEqual(der(length));
  });

  it('may be several, in their order; what else is in the file is left out', () => {
    const text = `# old\n${pem(der(300))}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n${pem(der(301))}`;
    const ca = `ca_${word(der(300))}.${word(der(301))}`;
    expect(parseCa(text)).toBe(ca);
    expect(pemOfCa(ca)).toBe(pemOfCa(`ca_${word(der(300))}`) + pemOfCa(`ca_${word(der(301))}`));
  });

  it.each([
    ['nothing', ''],
    ['the prefix alone', 'ca_'],
    ['a word that was cut', `ca_${word(der(400)).slice(0, -4)}`],
    ['a word with more behind it', `ca_${word(der(400))}AAAA`],
    ['another alphabet', `ca_${word(der(400)).slice(0, -1)}+`],
    ['something that is no certificate', `ca_${word(Buffer.alloc(400, 1))}`],
    ['one of two', `ca_${word(der(400))}.`],
    ['a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
    ['a PEM file that was cut', pem(der(400)).slice(0, 300)],
    ['more than anybody means', pem(der(3000)).repeat(30)],
  ])('is refused: %s', (_, text) => {
    expect(parseCa(text)).toBeNull();
  });
});
