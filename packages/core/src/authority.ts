/**
 * The certificate of an authority as one word that can be copied: `ca_` and the base64url of its DER. Several (an old and
 * a new authority) are joined by dots. It is no secret: who has it can only check.
 */

const PREFIX = 'ca_';
/** Beyond it somebody gave another file. Bundles of all authorities of the world are longer. */
const MOST_CHARACTERS = 64 * 1024;
const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

/** What {@link parseCa} reads, for messages. */
export const CA_RULE = 'ca_ and the base64url of a certificate, or the text of a PEM file with certificates';

/**
 * The one reader of what a person or a file gives as an authority: the word itself, or a PEM text, whose other blocks are
 * left out. Whether a certificate is one that can be used is found out by who connects.
 * @returns the word, or null when the text is neither whole
 */
export function parseCa(text: string): string | null {
  const given = text.trim();
  if (given.length > MOST_CHARACTERS) return null;
  const parts = given.startsWith(PREFIX)
    ? given.slice(PREFIX.length).split('.')
    : [...given.matchAll(BLOCK)].map(([, base64 = '']) => toUrlAlphabet(base64));
  if (parts.length === 0 || !parts.every(isWholeDer)) return null;
  return `${PREFIX}${parts.join('.')}`;
}

/** The same as a PEM text, for TLS. @param ca as {@link parseCa} returned it */
export function pemOfCa(ca: string): string {
  return ca.slice(PREFIX.length).split('.').map(pemOf).join('');
}

function pemOf(part: string): string {
  const base64 = part
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .padEnd(Math.ceil(part.length / 4) * 4, '=');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

const toUrlAlphabet = (base64: string): string =>
  base64.replace(/[\s=]/g, '').replaceAll('+', '-').replaceAll('/', '_');

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * One DER SEQUENCE of 256 to 65,535 bytes that is as long as it says: what was cut while it was copied is seen here and
 * not as a failure of TLS.
 */
function isWholeDer(base64: string): boolean {
  if (!/^[A-Za-z0-9_-]{300,}$/.test(base64) || base64.length % 4 === 1) return false;
  const bits = [...base64.slice(0, 6)].reduce((sum, letter) => sum * 64 + ALPHABET.indexOf(letter), 0);
  // 36 bits hold four bytes: the tag, the two bytes of length that follow 0x82, and four bits more.
  const header = Math.floor(bits / 16);
  const bytes = Math.floor((base64.length * 3) / 4);
  return Math.floor(header / 65_536) === 0x3082 && (header % 65_536) + 4 === bytes;
}
