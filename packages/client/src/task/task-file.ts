/** Task files. What reads YAML is loaded with the first of them. */
import { parseTaskFile, type TaskFile, type TaskOverrides } from '@drover/core/task';

/** What is said besides the file; it wins. */
export interface TaskFileOptions extends Omit<TaskOverrides, 'envs'> {
  /** For `envs`. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads a file of one task or several. Node, Bun and Deno only.
 * @throws {DroverError} INVALID_TASK, INVALID_YAML with file, line and column
 */
export async function readTaskFile(path: string, options: TaskFileOptions = {}): Promise<TaskFile> {
  // Not written out, or bundlers for the browser would look for it.
  const name = 'node:fs/promises';
  const { readFile }: typeof import('node:fs/promises') = await import(
    /* webpackIgnore: true */ /* @vite-ignore */ name
  );
  return await readTaskText(await readFile(path, 'utf8'), options, path);
}

/** As {@link readTaskFile}, of a text. `file`: how errors name it. */
export async function readTaskText(
  text: string,
  { env, ...rest }: TaskFileOptions = {},
  file: string | null = null,
): Promise<TaskFile> {
  const { readYaml } = await import('@drover/core/yaml');
  return parseTaskFile(readYaml(text, file), { overrides: { ...rest, envs: env } });
}
