/** As much of `~/.ssh/config` as says where a host is and who one is there. The first value counts, as in ssh. */
import { globMatcher } from '@drover/core';

interface Block {
  readonly patterns: readonly string[];
  readonly settings: readonly (readonly [string, string])[];
}

export interface Alias {
  readonly hostName: string | null;
  readonly user: string | null;
  readonly port: number | null;
  readonly identityFiles: readonly string[];
  /** It asks for a proxy or another host in between. */
  readonly proxied: boolean;
}

/** Blocks of `Host`; what stands before the first is for all. `Match` blocks are left out: they may run commands. */
export function parseSshConfig(text: string): readonly Block[] {
  const blocks: { patterns: string[]; settings: [string, string][] }[] = [{ patterns: ['*'], settings: [] }];
  let isSkipped = false;
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line);
    if (!match) continue;
    const key = (match[1] ?? '').toLowerCase();
    const value = (match[2] ?? '').replace(/^"(.*)"$/, '$1');
    if (key === 'match') isSkipped = true;
    else if (key === 'host') {
      isSkipped = false;
      blocks.push({ patterns: value.split(/\s+/), settings: [] });
    } else if (!isSkipped) blocks.at(-1)?.settings.push([key, value]);
  }
  return blocks;
}

/** What the configuration says about a host of this name. */
export function aliasOf(blocks: readonly Block[], name: string): Alias {
  const settings = blocks
    .filter(({ patterns }) => isMeant(patterns, name))
    .flatMap((block) => block.settings);
  const first = (key: string): string | null => settings.find(([each]) => each === key)?.[1] ?? null;
  const port = Number(first('port'));
  return {
    hostName: first('hostname')?.replaceAll('%h', name) ?? null,
    user: first('user'),
    port: Number.isInteger(port) && port > 0 && port < 65_536 ? port : null,
    identityFiles: settings.filter(([key]) => key === 'identityfile').map(([, value]) => value),
    proxied: ['proxyjump', 'proxycommand'].some((key) => (first(key) ?? 'none').toLowerCase() !== 'none'),
  };
}

function isMeant(patterns: readonly string[], name: string): boolean {
  const matches = (pattern: string): boolean => globMatcher(pattern)(name);
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern));
}
