/** C0, DEL and C1 controls, and the characters that turn the direction of text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is replaced
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

/** Text of others (names, messages, commands) as one harmless line: what controls a terminal becomes a blank. */
export function oneLine(text: string): string {
  return text.replace(UNSAFE, ' ');
}

/** As {@link oneLine}, but lines and tabs stay. */
export function severalLines(text: string): string {
  return text.replace(UNSAFE, (found) => (/^[\n\t]+$/.test(found) ? found : found.replace(/[^\n\t]+/g, ' ')));
}

type Mode = 'text' | 'escape' | 'csi' | 'string' | 'string-escape';

/**
 * Makes the log of an instance fit for a terminal. Lines, tabs and colours (SGR) stay; every other escape sequence and
 * control character is removed, a lone carriage return becomes a new line. Sequences may be cut between two chunks.
 */
export class LogSanitizer {
  readonly #decoder = new TextDecoder();
  #mode: Mode = 'text';
  #sequence = '';
  #afterReturn = false;
  #coloured = false;

  push(chunk: Uint8Array): string {
    return this.#clean(this.#decoder.decode(chunk, { stream: true }));
  }

  /** What is left, and the end of colours where some were used. */
  end(): string {
    const rest = this.#clean(this.#decoder.decode());
    return this.#coloured ? `${rest}\u001b[0m` : rest;
  }

  #clean(text: string): string {
    let out = '';
    for (const char of text) out += this.#step(char, char.codePointAt(0) ?? 0);
    return out;
  }

  #step(char: string, code: number): string {
    switch (this.#mode) {
      case 'text':
        return this.#text(char, code);
      case 'escape':
        this.#mode = 'text';
        if (char === '[') {
          this.#mode = 'csi';
          this.#sequence = '';
        } else if (']PX^_'.includes(char)) this.#mode = 'string';
        // ESC ( B and the like: one more character belongs to it.
        else if (code >= 0x20 && code <= 0x2f) this.#mode = 'escape';
        return '';
      case 'csi':
        return this.#csi(char, code);
      case 'string':
        if (code === 0x07 || code === 0x9c || char === '\n') this.#mode = 'text';
        else if (code === 0x1b) this.#mode = 'string-escape';
        return char === '\n' ? '\n' : '';
      case 'string-escape':
        this.#mode = char === '\\' ? 'text' : 'string';
        return '';
    }
  }

  #text(char: string, code: number): string {
    const afterReturn = this.#afterReturn;
    this.#afterReturn = code === 0x0d;
    if (char === '\n') return '\n';
    const lead = afterReturn && code !== 0x0d ? '\n' : '';
    if (code === 0x1b) this.#mode = 'escape';
    else if (code === 0x9b) {
      this.#mode = 'csi';
      this.#sequence = '';
    } else if (code === 0x9d || code === 0x90) this.#mode = 'string';
    else if (char === '\t' || !UNSAFE_ONE.test(char)) return lead + char;
    return lead;
  }

  #csi(char: string, code: number): string {
    if (code >= 0x40 && code <= 0x7e) {
      this.#mode = 'text';
      if (char !== 'm' || !/^[\d;:]*$/.test(this.#sequence)) return '';
      this.#coloured = true;
      return `\u001b[${this.#sequence}m`;
    }
    if (code < 0x20 || code > 0x3f || this.#sequence.length > 100) {
      this.#mode = 'text';
      return char === '\n' ? '\n' : '';
    }
    this.#sequence += char;
    return '';
  }
}

const UNSAFE_ONE = new RegExp(UNSAFE.source);
