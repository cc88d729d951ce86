/** The files of test/conformance/tasks, which users of task files would know, and what each of them says becomes of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DroverError } from '../drover-error.ts';
import { readYaml } from '../yaml/index.ts';
import { parseTaskFile, TASK_FIELDS, type TaskDraft } from './index.ts';

const FOLDER = join(import.meta.dirname, '../../../../test/conformance/tasks');
const files = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => ({ name, text: readFileSync(join(FOLDER, name), 'utf8') }));

/** The values of `# key: value` lines at the top of a file. */
const said = (text: string, key: string): string[] =>
  [...text.matchAll(new RegExp(`^# ${key}: (.*)$`, 'gm'))].map(([, value]) => value ?? '');
const pairs = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(lines.map((line) => line.split('=') as [string, string]));

function outcome({ name, text }: { name: string; text: string }): {
  verdict: string;
  tasks: readonly TaskDraft[];
} {
  try {
    const overrides = { envs: pairs(said(text, 'env')), secrets: pairs(said(text, 'secret')) };
    return { verdict: 'taken', tasks: parseTaskFile(readYaml(text, name), { overrides }).tasks };
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    const { field, line, column } = error.details;
    return { verdict: `refused ${field} at ${line}:${column}`, tasks: [] };
  }
}

describe('the task files', () => {
  it.each(files)('$name', (file) => {
    const { verdict, tasks } = outcome(file);
    expect([verdict]).toEqual(said(file.text, 'verdict'));
    expect(['yes', 'no']).toContain(said(file.text, 'runs').join());
    if (said(file.text, 'runs').join() !== 'yes') return;
    expect(verdict).toBe('taken');
    for (const { resources } of tasks)
      expect(
        resources?.choices.every(({ accelerators, useSpot }) => accelerators === null && !useSpot) ?? true,
      ).toBe(true);
  });

  it('use every field of the top and of resources', () => {
    const all = files.map(({ text }) => text).join('\n');
    const unused = TASK_FIELDS.map(
      ({ path }) =>
        path
          .split('.')
          .filter((part) => part !== '*')
          .at(-1) ?? '',
    ).filter((key) => !new RegExp(`^[\\s-]*${key}:`, 'm').test(all));
    expect(unused).toEqual([]);
  });
});
