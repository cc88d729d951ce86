import type { FoundHead } from '@drover/client/local';
import { parseCa } from '@drover/core';
import { readText } from './holder.ts';

/** What opens the head that wrote this: its line of JSON, or its `head.json`. */
export function headIn(line: Readonly<Record<string, unknown>>): Pick<FoundHead, 'url' | 'token' | 'ca'> {
  const { url, tokenFile, caFile } = line;
  return {
    url: String(url),
    token: readText(String(tokenFile))?.trim(),
    ca: typeof caFile === 'string' ? (parseCa(readText(caFile) ?? '') ?? undefined) : undefined,
  };
}
