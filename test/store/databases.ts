/** Schemas in the server of the run, one for each test. */
import { inject } from 'vitest';
import { runSqlAt } from '../../packages/head/src/testing/sql.ts';

let count = 0;

/** The address of a schema that nobody else uses. */
export function newPostgresUrl(): string {
  const url = new URL(inject('postgres').url);
  url.searchParams.set('schema', `t${process.pid}_${++count}`);
  return url.href;
}

export const schemaOf = (url: string): string => new URL(url).searchParams.get('schema') ?? 'drover';

/** Runs statements beside the store. @returns the rows of the last one, by column */
export const runSql = (text: string): Promise<Record<string, unknown>[]> =>
  runSqlAt(inject('postgres').url, text);

export async function dropSchema(url: string): Promise<void> {
  await runSql(`DROP SCHEMA IF EXISTS ${schemaOf(url)} CASCADE`);
}
