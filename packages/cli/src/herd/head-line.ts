import type { FoundHead } from '@drover/client/local';
import { parseCa } from '@drover/core';
import { readText } from './holder.ts';

/**
 * What opens the head that wrote this: its line of JSON, or its `head.json`. With no project: the one of this shell may be
 * meant for another head.
 */
export function headIn(
  line: Readonly<Record<string, unknown>>,
): Pick<FoundHead, 'url' | 'token' | 'ca'> & { readonly project: null } {
  const { url, tokenFile, caFile } = line;
  return {
    url: String(url),
    project: null,
    token: readText(String(tokenFile))?.trim(),
    ca: typeof caFile === 'string' ? (parseCa(readText(caFile) ?? '') ?? undefined) : undefined,
  };
}
