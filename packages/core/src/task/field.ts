import { type DocumentPath, documentOf, type PlainDocument, pathText, placeText } from '../document.ts';
import { DroverError, shorten } from '../drover-error.ts';
import { nearest } from '../nearest.ts';

/** What a refusal says besides the rule. */
export interface RefusalOptions {
  /** What to do about it. */
  readonly hint?: string;
  /** The value is a secret, or says nothing: it is left out. */
  readonly withoutValue?: boolean;
}

/** `use_spot` as `useSpot`. */
const camelCase = (word: string): string =>
  word.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
/** Below these the keys are the user's. */
const USERS_KEYS = new Set(['envs', 'secrets', 'labels', 'file_mounts', 'image_id', 'accelerators']);

/** How the fields of a document are called in errors: as in YAML, or as the SDK calls them. */
export type FieldWords = 'yaml' | 'sdk';

/** One value of a document, which knows where it stands. Whatever is wrong with it is an INVALID_TASK. */
export class Field {
  readonly value: unknown;
  readonly path: DocumentPath;
  readonly #document: PlainDocument;
  readonly #words: FieldWords;

  constructor(document: PlainDocument, words: FieldWords, path: DocumentPath = [], value = document.value) {
    this.#document = document;
    this.#words = words;
    this.path = path;
    this.value = value;
  }

  /** A value that stands in no document, such as that of an option of the command line. */
  static of(value: unknown, words: FieldWords, path: DocumentPath = []): Field {
    return new Field(documentOf(value, words === 'sdk' ? null : 'the options'), words, path);
  }

  /** Null or absent: nothing is said. */
  get isEmpty(): boolean {
    return this.value === null || this.value === undefined;
  }

  /** The scalar as it was written, else as it prints. */
  get written(): string {
    return this.#document.written(this.path) ?? String(this.value);
  }

  get name(): string {
    return this.#nameOf(this.path);
  }

  /** @throws {DroverError} INVALID_TASK */
  refuse(rule: string, options: RefusalOptions = {}): never {
    const place = this.#place();
    const where = placeText(this.#document.file ?? 'the task', place);
    const field = this.name;
    const { hint } = options;
    const isSecret = options.withoutValue === true || this.path.includes('secrets');
    const said =
      isSecret || typeof this.value === 'object' || this.isEmpty
        ? rule
        : `${rule} (not ${JSON.stringify(shorten(this.value))})`;
    const full = hint === undefined ? said : `${said}; ${hint}`;
    throw new DroverError(
      'INVALID_TASK',
      {
        where,
        field,
        rule: said,
        ...(hint === undefined ? {} : { hint }),
        file: this.#document.file,
        line: place?.line ?? null,
        column: place?.column ?? null,
      },
      { message: field === '' ? `${where}: ${full}` : `${where}: ${field}: ${full}` },
    );
  }

  /** The fields of a mapping, in their order. */
  entries(): Map<string, Field> {
    const { value } = this;
    if (!isPlainObject(value)) this.refuse('a mapping is expected', { withoutValue: Array.isArray(value) });
    return new Map(Object.keys(value).map((key) => [key, this.#child(key, value[key])]));
  }

  /** The fields of a mapping that may have these keys only. */
  known(keys: readonly string[], hints: Readonly<Record<string, string>> = {}): Map<string, Field> {
    const entries = this.entries();
    for (const [key, field] of entries) {
      if (keys.includes(key)) continue;
      const near = nearest(key, keys);
      const hint = Object.hasOwn(hints, key)
        ? hints[key]
        : near !== null
          ? `did you mean ${near}?`
          : `known here: ${keys.join(', ')}`;
      field.refuse('no such field', { withoutValue: true, ...(hint === undefined ? {} : { hint }) });
    }
    return entries;
  }

  items(): Field[] {
    if (!Array.isArray(this.value)) this.refuse('a list is expected');
    return this.value.map((item: unknown, index) => this.#child(index, item));
  }

  /** Text that is not blank. A number or date must be quoted, so that none is changed on the way. */
  text(): string {
    if (typeof this.value !== 'string') this.refuse('text is expected', { hint: 'put it in quotes' });
    if (this.value.trim() === '') this.refuse('must not be empty', { withoutValue: true });
    if (this.value.includes('\0')) this.refuse('no NUL character', { withoutValue: true });
    return this.value;
  }

  /** Text, or null where nothing or only blanks are said. */
  optionalText(): string | null {
    return this.isEmpty || (typeof this.value === 'string' && this.value.trim() === '') ? null : this.text();
  }

  /** One of the words, whatever its case. */
  word<const Word extends string>(words: readonly Word[]): Word {
    const text = this.text().toLowerCase();
    const found = words.find((word) => word === text);
    return found ?? this.refuse(`one of ${words.join(', ')}`);
  }

  /** true or false, or a word that older YAML takes for them. */
  boolean(): boolean {
    if (typeof this.value === 'boolean') return this.value;
    const word = typeof this.value === 'string' ? this.value.toLowerCase() : '';
    if (word === 'true' || word === 'yes' || word === 'on') return true;
    if (word === 'false' || word === 'no' || word === 'off') return false;
    return this.refuse('true or false');
  }

  /** A number as it was meant: 010 is 8 to some readers and 10 to others, so it is refused. */
  number(min: number, max: number): number {
    if (typeof this.value !== 'number' || !Number.isFinite(this.value)) this.refuse('a number is expected');
    if (/^[-+]?0\d/.test(this.written)) this.refuse('a number does not begin with 0', { withoutValue: true });
    if (this.value < min) this.refuse(`at least ${min}`);
    if (this.value > max) this.refuse(`at most ${max}`);
    return this.value;
  }

  integer(min: number, max: number): number {
    const value = this.number(min, max);
    return Number.isInteger(value) ? value : this.refuse('a whole number');
  }

  #child(key: string | number, value: unknown): Field {
    return new Field(this.#document, this.#words, [...this.path, key], value);
  }

  #place() {
    for (let length = this.path.length; length >= 0; length--) {
      const place = this.#document.locate(this.path.slice(0, length));
      if (place !== null) return place;
    }
    return null;
  }

  #nameOf(path: DocumentPath): string {
    if (this.#words === 'yaml') return pathText(path);
    let isUsers = false;
    return pathText(
      path.map((part) => {
        const name = typeof part === 'number' || isUsers ? part : camelCase(part);
        isUsers ||= typeof part === 'string' && USERS_KEYS.has(part);
        return name;
      }),
    );
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
