import { type Document, isAlias, Lexer, LineCounter, parseAllDocuments } from 'yaml';
import { type PlainDocument, placeText } from '../document.ts';
import { DroverError } from '../drover-error.ts';
import { plainOf } from './plain.ts';

/** Beyond one of them a text is refused. Aliases count as what they stand for. */
export const YAML_LIMITS = {
  characters: 1024 * 1024,
  values: 50_000,
  depth: 64,
  documents: 101,
  /** Characters of one key. */
  key: 1024,
  /** What the parser works through: indicators, scalars, spaces and line ends. A line of a task file has some 6. */
  tokens: 50_000,
} as const;

/**
 * Reads every document of a YAML text, by the core schema of YAML 1.2: `yes`, `no`, `on`, `off`, dates and `1:30` are
 * texts, `0o17` is octal and `017` is not. Anchors, aliases and `<<` are followed. Refused: tags other than the core
 * ones, keys twice in one mapping, keys that are no scalars, directives for another version, and what is beyond
 * {@link YAML_LIMITS}.
 * @param file as the person knows it, for errors
 * @throws {DroverError} INVALID_YAML with `rule`, `file`, `line` and `column`
 */
export function readYaml(text: string, file: string | null = null): PlainDocument[] {
  const refuse: RefuseYaml = (rule, offset) => {
    const place = offset === null ? null : placeAt(lines, offset);
    const where = placeText(file ?? 'the text', place);
    throw new DroverError('INVALID_YAML', {
      where,
      rule,
      file,
      line: place?.line ?? null,
      column: place?.column ?? null,
    });
  };
  const lines = new LineCounter();
  if (text.length > YAML_LIMITS.characters) refuse(`at most ${YAML_LIMITS.characters} characters`, null);
  checkDepth(text, refuse);
  checkTokens(text, refuse);
  const documents = parseDocuments(text, lines, refuse);
  if (documents.length > YAML_LIMITS.documents) refuse(`at most ${YAML_LIMITS.documents} documents`, null);
  const budget = { values: YAML_LIMITS.values };
  return documents.map((document) => readDocument(document, { file, lines, refuse, budget }));
}

export type RefuseYaml = (rule: string, offset: number | null) => never;

function placeAt(lines: LineCounter, offset: number) {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function parseDocuments(text: string, lineCounter: LineCounter, refuse: RefuseYaml): Document.Parsed[] {
  try {
    // Keys that come twice are looked for in plainOf: the package compares each key with all before it.
    const parsed = parseAllDocuments(text, {
      version: '1.2',
      schema: 'core',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      lineCounter,
    });
    return Array.isArray(parsed) ? parsed : [];
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), null);
  }
}

interface Reading {
  readonly file: string | null;
  readonly lines: LineCounter;
  readonly refuse: RefuseYaml;
  readonly budget: { values: number };
}

function readDocument(document: Document.Parsed, { file, lines, refuse, budget }: Reading): PlainDocument {
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) refuse(ruleOf(problem.code, problem.message), problem.pos[0]);
  const { yaml } = document.directives;
  if (yaml.explicit && yaml.version !== '1.2') refuse('YAML 1.2 is read: leave out %YAML', 0);
  const root = document.contents;
  if (isAlias(root)) refuse('an alias of nothing', root.range?.[0] ?? null);
  const plain = plainOf(root, { refuse, budget, maxDepth: YAML_LIMITS.depth, maxKey: YAML_LIMITS.key });
  return {
    value: plain.value,
    file,
    locate: (path) => {
      const offset = plain.markAt(path)?.offset;
      return offset === undefined ? null : placeAt(lines, offset);
    },
    written: (path) => plain.markAt(path)?.source ?? null,
  };
}

/** The package's words for the mistakes that people make most, in ours. */
function ruleOf(code: string, message: string): string {
  if (code === 'TAB_AS_INDENT') return 'a tab: YAML is indented with spaces';
  if (code === 'TAG_RESOLVE_FAILED')
    return 'this tag is not taken: only plain texts, numbers, lists and mappings are';
  // Some of its messages repeat a piece of the text, of any length.
  return message.length > 300 ? `${message.slice(0, 297)}...` : message;
}

/** The lexer recurses too, here for each indicator of a row. */
const MOST_IN_LEAD = 1000;

/** How deep a line goes by the indicators that it begins with, such as `- - -`; two bytes for each level. */
function checkDepth(text: string, refuse: RefuseYaml): void {
  let lineStart = 0;
  let isInLead = true;
  let indicators = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '\n') {
      lineStart = at + 1;
      isInLead = true;
      indicators = 0;
    } else if (isInLead && (char === '-' || char === '?' || char === ':')) indicators++;
    else if (char !== ' ' && char !== '\t') isInLead = false;
    if (indicators > MOST_IN_LEAD) refuse('nested too deeply', lineStart);
  }
}

/** What the lexer says before a plain or block scalar. */
const SCALAR_NEXT = '\x1f';
const INDICATOR_OR_SPACE = /^(?:[&!?:\- \t]|$)/;

/**
 * The parser takes a hundred times as long as the lexer, and all at once, and it recurses: what is too long or nested
 * too deeply is found by the tokens, which come one by one. A bracket in quotes is none.
 */
function checkTokens(text: string, refuse: RefuseYaml): void {
  let tokens = 0;
  let documents = 0;
  let open = 0;
  let row = 0;
  let astray = 0;
  let isContent = false;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > YAML_LIMITS.tokens) refuse(`at most ${YAML_LIMITS.tokens} tokens`, null);
    row = !isContent && INDICATOR_OR_SPACE.test(token) ? row + 1 : 0;
    if (!isContent) {
      if (token === '[' || token === '{') open++;
      else if (token === ']' || token === '}') {
        if (open > 0) open--;
        else if (++astray > 100) refuse('more brackets close than open', null);
      } else if (token === '\x02' && ++documents > YAML_LIMITS.documents)
        refuse(`at most ${YAML_LIMITS.documents} documents`, null);
    }
    if (open > 1000 || row > MOST_IN_LEAD) refuse('nested too deeply', null);
    isContent = token === SCALAR_NEXT;
  }
}
