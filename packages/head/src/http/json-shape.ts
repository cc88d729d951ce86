/** The shape of a JSON text before it is parsed: what is nested deeply or cut finely costs far more than its bytes. */

/** Lists and objects within each other. Whatever walks a value by calling itself is safe at this depth. */
export const MOST_DEPTH = 64;
/** Of `,` `:` `[` and `{` outside of strings: about as many values are made of the text. */
export const MOST_TOKENS = 200_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * One pass over the text, which may be no JSON at all: that is for the parser to say.
 * @param mostTokens of `,` `:` `[` and `{`
 * @returns the rule that it breaks; null: none
 */
export function brokenShape(text: string, mostTokens: number = MOST_TOKENS): string | null {
  let depth = 0;
  let tokens = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        continue;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth += 1;
        if (depth > MOST_DEPTH) return `at most ${MOST_DEPTH} lists and objects within each other`;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth -= 1;
        continue;
      case COMMA:
      case COLON:
        break;
      default:
        continue;
    }
    tokens += 1;
    if (tokens > mostTokens)
      return `at most ${mostTokens} of , : [ and { outside of strings; send less at once`;
  }
  return null;
}

/** @returns where its closing quote is; the end of the text when it has none */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    // An even number of backslashes escape each other.
    if ((end - before) % 2 === 1) return end;
  }
  return text.length;
}
