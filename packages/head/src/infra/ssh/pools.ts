/** The file of ssh pools: which hosts there are, and how they are reached. Read again whenever it has changed. */
import { homedir } from 'node:os';
import { readYaml } from '@drover/core/yaml';
import { z } from 'zod';
import { firstIssue } from '../issue.ts';
import { aliasOf, parseSshConfig } from './ssh-config.ts';

/** How one host is reached. */
export interface SshHost {
  readonly pool: string;
  /** As the file names it: how people know it. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly identityFiles: readonly string[];
  readonly password: string | null;
  /** Why it cannot be used, although it is named; null: nothing is wrong. */
  readonly refused: string | null;
}

const poolName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'letters, digits and . _ -');
const text = z.string().min(1).max(1024);
const common = { user: text.optional(), identity_file: text.optional(), password: text.optional() };
const hostEntry = z.union([
  text,
  z.strictObject({ ip: text, name: text.optional(), port: z.int().min(1).max(65_535).optional(), ...common }),
]);
const poolsFile = z.record(
  poolName,
  z.strictObject({ ...common, hosts: z.array(hostEntry).min(1).max(1000) }),
);

/** A file that cannot be used; the message names the place in it. */
export class PoolsError extends Error {}

/**
 * @param config the text of `~/.ssh/config`, for hosts that are named as there
 * @param user who it is when nothing says so
 * @throws {PoolsError}
 */
export function parsePools(
  source: string,
  file: string,
  config: string,
  user: string,
): ReadonlyMap<string, readonly SshHost[]> {
  let value: unknown;
  try {
    value = readYaml(source, file)[0]?.value ?? {};
  } catch (cause) {
    throw new PoolsError((cause as Error).message, { cause });
  }
  const parsed = poolsFile.safeParse(value);
  if (!parsed.success) throw new PoolsError(`${file}: ${firstIssue(parsed.error)}`);
  const aliases = parseSshConfig(config);
  const pools = new Map<string, readonly SshHost[]>();
  for (const [pool, { hosts, ...shared }] of Object.entries(parsed.data)) {
    const named = hosts.map((entry): SshHost => {
      const own = typeof entry === 'string' ? { ip: entry } : entry;
      const alias = aliasOf(aliases, own.ip);
      const identity = own.identity_file ?? shared.identity_file;
      return {
        pool,
        name: own.name ?? own.ip,
        address: alias.hostName ?? own.ip,
        port: own.port ?? alias.port ?? 22,
        user: own.user ?? shared.user ?? alias.user ?? user,
        identityFiles: (identity ? [identity] : alias.identityFiles).map(expandHome),
        password: own.password ?? shared.password ?? null,
        refused: alias.proxied
          ? `${own.ip} is reached through a proxy in ~/.ssh/config, which is not supported: give an address that this head reaches itself`
          : null,
      };
    });
    const names = new Set<string>();
    for (const { name } of named) {
      if (names.has(name)) throw new PoolsError(`${file}: ${pool}.hosts: "${name}" is there twice`);
      names.add(name);
    }
    pools.set(pool, named);
  }
  return pools;
}

/** @param mode of the file. @throws {PoolsError} with what to run, when others can read passwords in it */
export function refuseOpenPasswords(
  pools: ReadonlyMap<string, readonly SshHost[]>,
  file: string,
  mode: number,
): void {
  if ((mode & 0o077) === 0 || ![...pools.values()].flat().some(({ password }) => password !== null)) return;
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  throw new PoolsError(
    `${file} holds passwords and is open to others (mode ${octal}). Run: chmod 600 ${file}`,
  );
}

const expandHome = (path: string): string => (path.startsWith('~/') ? `${homedir()}${path.slice(1)}` : path);
