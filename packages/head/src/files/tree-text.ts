/** Reads the text of a tree, entry by entry, with bounded memory. */
import { byPath, DroverError, invalid, parseTreeLine, TREE_BEGIN, TREE_LIMITS } from '@drover/core';
import { brokenShape } from '../http/json-shape.ts';

/** A text that is not in lines is taken up to this size. */
const MOST_WHOLE = 4 * 1024 * 1024;
/** More than as many entries have as fit into that. */
const MOST_WHOLE_TOKENS = 1_000_000;

/**
 * The entries of a text, unchecked: of one with an entry per line as they come, of other JSON sorted.
 * @throws {DroverError} INVALID_JSON, INVALID_REQUEST, BODY_TOO_LARGE
 */
export async function* entriesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  let rest = '';
  let whole: string | null = null;
  let isFirst = true;
  let ended = false;
  for await (const chunk of decoded(chunks)) {
    if (whole !== null) {
      whole += chunk;
      if (whole.length > MOST_WHOLE) throw new DroverError('BODY_TOO_LARGE', { limit: MOST_WHOLE });
      continue;
    }
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > TREE_LIMITS.line && !isFirst) throw broken('a line is too long');
    if (isFirst && lines.length === 0 && rest.length <= TREE_BEGIN.length) continue;
    if (isFirst && lines[0] !== TREE_BEGIN) {
      whole = [...lines, rest].join('\n');
      continue;
    }
    isFirst = false;
    for (const line of lines) {
      if (ended && line !== '') throw broken('there is text after its end');
      if (line === ']}') ended = true;
      const entry = lineEntry(line);
      if (entry !== null) yield entry;
    }
  }
  if (whole !== null || isFirst) yield* entriesOfWhole(whole ?? rest);
  else if (rest !== (ended ? '' : ']}')) throw broken('its end is not that of the entries');
}

async function* decoded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw broken('it is not UTF-8');
    throw error;
  }
}

function lineEntry(line: string): unknown {
  checkShape(line);
  try {
    return parseTreeLine(line);
  } catch {
    throw broken('a line is not one entry');
  }
}

function entriesOfWhole(text: string): unknown[] {
  checkShape(text, MOST_WHOLE_TOKENS);
  let value: { v?: unknown; entries?: unknown };
  try {
    value = JSON.parse(text) as typeof value;
  } catch (error) {
    throw broken((error as Error).message.slice(0, 200));
  }
  if (typeof value !== 'object' || value === null) throw invalid('body', 'an object');
  if (value.v !== 1) throw invalid('v', 'must be 1', value.v);
  if (!Array.isArray(value.entries)) throw invalid('entries', 'a list', value.entries);
  const unknown = Object.keys(value).find((key) => key !== 'v' && key !== 'entries');
  if (unknown !== undefined) throw invalid(unknown, 'is not a known field');
  const entries = value.entries as { path: string }[];
  return entries.every((entry) => typeof entry?.path === 'string') ? entries.sort(byPath as never) : entries;
}

function checkShape(text: string, mostTokens?: number): void {
  const rule = brokenShape(text, mostTokens);
  if (rule !== null) throw invalid('body', rule);
}

const broken = (rule: string): DroverError => new DroverError('INVALID_JSON', { rule });
