/** The admin token: minted at the first start, kept in a file that only its owner can read. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { realRandom } from '../os/clock.ts';

const TOKEN = /^drv_[A-Za-z0-9_-]{20,200}$/;

/** @returns the token and the file that holds it alone. @throws when the file is not ours alone or holds no token */
export async function adminToken(stateDir: string): Promise<{ token: string; file: string }> {
  const file = join(stateDir, 'admin.token');
  try {
    const token = realRandom.token('drv_');
    await writeFile(file, token, { mode: 0o600, flag: 'wx' });
    return { token, file };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0)
    throw new Error(
      `${file} can be read by others (mode ${(mode & 0o777).toString(8)}): run chmod 600 on it`,
    );
  const token = (await readFile(file, 'utf8')).trim();
  if (!TOKEN.test(token))
    throw new Error(
      `${file} holds no token (drv_ and at least 20 letters, digits, - or _): remove it to have a new one made`,
    );
  return { token, file };
}
