/** Finds the program of the database threads, from the bundle and from the sources. */
import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

let compiled: Promise<URL> | null = null;

/**
 * In the bundle it lies beside the chunk that holds this module. From the sources (tests) it is compiled, for a worker
 * thread cannot load TypeScript on Node 20.
 */
export function threadFile(): Promise<URL> {
  if (!new URL(import.meta.url).pathname.endsWith('.ts'))
    return Promise.resolve(new URL('./commit-thread.js', import.meta.url));
  compiled ??= compile(fileURLToPath(new URL('./commit-thread.ts', import.meta.url)));
  return compiled;
}

interface Compiler {
  build(options: object): Promise<{ readonly outputFiles: readonly { readonly contents: Uint8Array }[] }>;
}

async function compile(source: string): Promise<URL> {
  const compilerName = 'esbuild'; // by a variable: a development tool, which the bundle must not ask for
  const { build } = (await import(/* @vite-ignore */ compilerName)) as Compiler;
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['libsql'],
    sourcemap: 'inline',
  });
  const contents = outputFiles[0]?.contents ?? new Uint8Array();
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  // Inside node_modules, so that `libsql` is found from there.
  const modules = join(createRequire(import.meta.url).resolve('esbuild/package.json'), '../..');
  const folder = join(modules, '.cache/drover');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `commit-thread-${hash}.mjs`);
  const draft = `${file}.${process.pid}.${Math.trunc(performance.now() * 1000)}`;
  await writeFile(draft, contents);
  await rename(draft, file);
  return pathToFileURL(file);
}
