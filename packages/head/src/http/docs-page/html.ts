/** Text becomes HTML only here: whatever is put into a template is escaped, unless it is HTML already. */

/** Text that is HTML. Made by {@link html} alone, and by {@link rawHtml} for constants of our own. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes; null, undefined and false are nothing. */
export type Piece = string | number | Html | readonly Piece[] | null | undefined | false;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const textOf = (piece: Piece): string => {
  if (piece === null || piece === undefined || piece === false) return '';
  if (piece instanceof Html) return piece.text;
  if (typeof piece === 'object') return piece.map(textOf).join('');
  return String(piece).replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign);
};

/** `html\`<p>${text}</p>\``: what stands between the braces is escaped, in text and in quoted attributes alike. */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return new Html(parts.reduce((all, part, at) => all + textOf(pieces[at - 1]) + part));
}

/** A constant of our own that is no template: a style sheet. */
export const rawHtml = (text: string): Html => new Html(text);

/** A sentence with code in backticks. */
export function sentence(text: string): Html {
  return html`${text.split('`').map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}

/** Paragraphs, set apart by empty lines. */
export const prose = (text: string): Html =>
  html`${text.split(/\n{2,}/).map((part) => html`<p>${sentence(part)}</p>`)}`;
