// core, engine and worker/agent take time, chance and the outside world from their ports only. tsconfig.pure.json takes away the globals that the ES
// library lacks; this script bans what is left (Date, Math.random, node: imports), and names the others more clearly than the compiler does.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDERS = ['packages/core/src', 'packages/engine/src', 'packages/worker/src/agent'];
/** A name used as a global: not a property (`x.fetch`), a key or parameter (`fetch:`), nor part of a longer name. */
const global = (names, then = '') =>
  new RegExp(`(?<![\\w$.]|\\b(?:const|let|function|class) )(?:${names})\\b(?!\\s*\\??:)${then}`, 'g');
const RULES = [
  { rule: 'no Date: take the time from the Clock port', pattern: global('Date') },
  { rule: 'no Math.random: take chance from the Random port', pattern: /\bMath\s*\.\s*random\b/g },
  {
    rule: 'no timers: use the Clock port',
    pattern: global('setTimeout|setInterval|setImmediate|queueMicrotask', '\\s*\\('),
  },
  { rule: 'no network: use a port', pattern: global('fetch', '\\s*\\(') },
  {
    rule: 'no process, console or other globals of the platform',
    pattern: global('process|console|performance|crypto|globalThis', '\\s*[.[]'),
  },
];
/** Matched on the source with its strings: the module name is one. */
const NODE_IMPORT = /\b(?:from|import|require)\s*\(?\s*(['"`])node:/g;

/** The source with comments and the text of strings and regular expressions blanked; code inside `${}` and all line breaks stay. */
export function stripped(source, keepStrings = false) {
  let out = '';
  let at = 0;
  const depths = []; // open braces inside each open `${`
  const blank = (end, keep) => {
    const text = source.slice(at, end);
    out += keep ? text : text.replace(/[^\n]/g, ' ');
    at = end;
  };
  const before = (mark, length) => {
    const index = source.indexOf(mark, at + length);
    return index < 0 ? source.length : index + length;
  };
  const endOf = (quote) => {
    let end = at + 1;
    let inClass = false;
    for (; end < source.length; end++) {
      if (source[end] === '\\') end++;
      else if (quote === '/' && source[end] === '[') inClass = true;
      else if (quote === '/' && source[end] === ']') inClass = false;
      else if (source[end] === quote && !inClass) return end + 1;
      else if (source[end] === '\n') return end;
    }
    return end;
  };
  const template = () => {
    let end = at + 1;
    for (; end < source.length; end++) {
      if (source[end] === '\\') end++;
      else if (source[end] === '`') return blank(end + 1, false);
      else if (source[end] === '$' && source[end + 1] === '{') {
        depths.push(0);
        return blank(end + 2, false);
      }
    }
    blank(end, false);
  };
  while (at < source.length) {
    const char = source[at];
    const two = source.slice(at, at + 2);
    if (two === '//') blank(before('\n', 0), false);
    else if (two === '/*') blank(before('*/', 2), false);
    else if (char === "'" || char === '"') blank(endOf(char), keepStrings);
    else if (char === '/' && /(?:^|[(,=:[!&|?{};+\-*%<>~]|\breturn|\btypeof|\bcase)\s*$/.test(out.slice(-40)))
      blank(endOf('/'), false);
    else if (char === '`') template();
    else if (char === '}' && depths.at(-1) === 0) {
      depths.pop();
      template();
    } else {
      if (depths.length > 0 && char === '{') depths[depths.length - 1]++;
      if (depths.length > 0 && char === '}') depths[depths.length - 1]--;
      out += char;
      at++;
    }
  }
  return out;
}

/** What is impure in one source, as line number and rule. */
export function violations(source) {
  const found = [];
  const scan = (text, rule, pattern) => {
    for (const match of text.matchAll(pattern))
      found.push({ line: text.slice(0, match.index).split('\n').length, rule });
  };
  const code = stripped(source);
  for (const { rule, pattern } of RULES) scan(code, rule, pattern);
  scan(stripped(source, true), 'no node: imports: use a port', NODE_IMPORT);
  return found;
}

function sourcesIn(folder) {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  return files.map((file) => join(folder, file));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = FOLDERS.flatMap((folder) => sourcesIn(join(root, folder)));
  for (const file of files) {
    for (const { line, rule } of violations(readFileSync(file, 'utf8'))) {
      console.log(`${relative(root, file)}:${line}: ${rule}`);
      process.exitCode = 1;
    }
  }
  console.log(`check-pure: ${files.length} files`);
}
