import { describe, expect, it } from 'vitest';
import { wholeLines } from './stream.ts';

async function* chunksOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function shown(...texts: string[]): Promise<string> {
  let all = '';
  for await (const chunk of wholeLines(chunksOf(...texts))) all += Buffer.from(chunk).toString();
  return all;
}

describe("a user's output", () => {
  it('gives no orders to the client, wherever it is cut', async () => {
    const text = 'a <sky-interactive>1</sky-interactive> b <sky-payload>"x"</sky-payload>\n';
    const harmless = text.replaceAll('<sky-', '< sky-');
    for (let at = 0; at <= text.length; at++)
      expect(await shown(text.slice(0, at), text.slice(at))).toBe(harmless);
    expect(await shown(...text)).toBe(harmless);
  });

  it('is otherwise what it was, with its last line ended', async () => {
    expect(await shown('1 <', ' 2\n<sky', '-blue> <s')).toBe('1 < 2\n<sky-blue> <s\n');
    expect(await shown('<')).toBe('<\n');
    expect(await shown()).toBe('');
  });
});
