/** Files that hold a token: for the eyes of this user, or not used. */
import { stat } from 'node:fs/promises';
import { DroverError } from '@drover/core';

/** Windows has other ways to say who may read. */
const HAS_MODES = process.platform !== 'win32';

/**
 * @param allowed its group may read it too: so come the secrets that are mounted into a container
 * @throws {DroverError} INVALID_REQUEST with what to run, when others can read the file. None that is not there.
 */
export async function assertPrivate(path: string, allowed: 'owner' | 'group' = 'owner'): Promise<void> {
  const { mode } = HAS_MODES ? await stat(path).catch(() => ({ mode: 0 })) : { mode: 0 };
  if ((mode & (allowed === 'group' ? 0o027 : 0o077)) === 0) return;
  const rule = `it holds a token and is open to others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`;
  throw new DroverError(
    'INVALID_REQUEST',
    { field: path, rule },
    { message: `${path}: ${rule}; run: chmod 600 ${path}` },
  );
}
