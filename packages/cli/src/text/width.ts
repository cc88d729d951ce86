const COMBINING = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]$/u;

const widthOfChar = (char: string): number => {
  if (char <= '~') return 1;
  if (COMBINING.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
};

/** How many columns of a terminal the text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += widthOfChar(char);
  return width;
}

/** The text in at most so many columns; what was cut shows as two dots. */
export function truncate(text: string, width: number): string {
  if (text.length <= width / 2 || widthOf(text) <= width) return text;
  const mark = width > 4 ? '..' : '';
  let room = width - mark.length;
  let out = '';
  for (const char of text) {
    room -= widthOfChar(char);
    if (room < 0) break;
    out += char;
  }
  return out + mark;
}

/** The text filled with blanks to so many columns. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}
