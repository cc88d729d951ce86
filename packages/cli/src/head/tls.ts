import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { HeadRun } from '../call.ts';
import { UsageError } from '../errors.ts';

/** The flags of `drover head` about TLS. */
export interface TlsFlags {
  readonly tls?: boolean;
  readonly tlsName?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

/** Null: plain HTTP. `--tls=false` in the environment or the file goes before given files. @throws {UsageError} */
export function checkTls(flags: TlsFlags): HeadRun['tls'] {
  const { tls, tlsName, tlsCert, tlsKey, tlsCa } = flags;
  if (tls === false) return null;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError('--tls-cert and --tls-key belong together: give both, or --tls alone');
  if (tlsCert !== undefined && tlsKey !== undefined)
    return {
      files: { cert: there(tlsCert), key: there(tlsKey), ca: tlsCa === undefined ? null : there(tlsCa) },
    };
  if (tlsCa !== undefined)
    throw new UsageError(
      '--tls-ca goes with --tls-cert and --tls-key',
      'with --tls alone the head has an authority of its own',
    );
  if (tls) return { files: null };
  if (tlsName !== undefined) throw new UsageError('--tls-name names the head in its certificate: add --tls');
  return null;
}

function there(path: string): string {
  if (!existsSync(path)) throw new UsageError(`there is no file ${path}`);
  return resolve(path);
}
