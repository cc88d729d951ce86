// The package under test, as a user installs it: a virtual environment per version, made once and kept in .cache.
import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const WAIT_MS = 300_000;

/**
 * @param suite `package`, the modules that it `imports`, `pins(version)`: the file of versions beside it, and perhaps
 * `also`: further packages that the checks use
 * @returns `{version, python}`, or `{skip}`: why there is none
 */
export async function makeVenv(root, suite, version) {
  const name = `venv-${suite.package}-${version}`;
  const folder = join(root, '.cache', name);
  const python = join(folder, 'bin/python');
  if (await imports(python, suite, version)) return { version, python };
  try {
    await run('python3', ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 9)']);
  } catch (error) {
    if (error.code === 'ENOENT') return { skip: 'python3 is not installed' };
    return { skip: `python3 has no venv or pip, or is older than 3.9: ${lastLine(error)}` };
  }
  console.log(`installing ${suite.package} ${version} into .cache/${name} (once)`);
  rmSync(folder, { recursive: true, force: true });
  const install = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--retries', '1'];
  try {
    await run('python3', ['-m', 'venv', folder]);
    const wanted = [`${suite.package}==${version}`, ...(suite.also ?? [])];
    await run(python, [...install, '-c', suite.pins(version), ...wanted], { timeout: WAIT_MS });
  } catch (error) {
    return { skip: `pip could not install it: ${lastLine(error)}` };
  }
  if (await imports(python, suite, version)) return { version, python };
  return { skip: `${suite.package} ${version} was installed and cannot be imported` };
}

async function imports(python, suite, version) {
  if (!existsSync(python)) return false;
  const script = `import ${suite.imports}; from importlib.metadata import version; print(version("${suite.package}"))`;
  const { stdout } = await run(python, ['-c', script]).catch(() => ({ stdout: '' }));
  return stdout.trim() === version;
}

const lastLine = (error) =>
  String(error.stderr || error.message)
    .trim()
    .split('\n')
    .at(-1);
