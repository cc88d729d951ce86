/** Text as bytes, without the platform's encoder: the pure packages have none. */

/** UTF-8. A lone surrogate becomes the replacement character. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length * 3);
  let at = 0;
  for (const character of text) {
    let code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes[at++] = code;
    else {
      const more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
      bytes[at++] = ([0xc0, 0xe0, 0xf0][more - 1] ?? 0) | (code >> (6 * more));
      for (let shift = 6 * (more - 1); shift >= 0; shift -= 6) bytes[at++] = 0x80 | ((code >> shift) & 0x3f);
    }
  }
  return bytes.slice(0, at);
}
