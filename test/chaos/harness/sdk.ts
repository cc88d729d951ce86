/** The SDK of the copied bundle: what is tested is one copy of everything, whatever happens to the sources meanwhile. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Sdk = typeof import('drover');

/** @throws when the programs were not started by scripts/chaos.mjs */
export function runFolder(): string {
  return needed('CHAOS_RUN');
}

export function bundleFolder(): string {
  return needed('CHAOS_BUNDLE');
}

export async function loadSdk(bundle: string): Promise<Sdk> {
  return (await import(pathToFileURL(join(bundle, 'dist/index.js')).href)) as Sdk;
}

function needed(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new Error('start it with "npm run chaos": it needs namespaces of its own');
  return value;
}
