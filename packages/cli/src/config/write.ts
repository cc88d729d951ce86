import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { stringify } from 'smol-toml';
import type { ConfigFile } from '../settings/file.ts';

/** Replaces the configuration file, readable for its owner only. Comments in it are lost. */
export function writeConfigFile(file: ConfigFile, values: Readonly<Record<string, unknown>>): void {
  mkdirSync(dirname(file.path), { recursive: true, mode: 0o700 });
  const draft = `${file.path}.${process.pid}`;
  writeFileSync(draft, `${stringify(values).trimEnd()}\n`, { mode: 0o600 });
  renameSync(draft, file.path);
}
