/** Statements beside a store in PostgreSQL, for tests. */
import pg from 'pg';

/** Runs statements in a session of their own. @returns the rows of the last one, by column */
export async function runSqlAt(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result: unknown = await client.query(text);
    const last = (Array.isArray(result) ? result.at(-1) : result) as pg.QueryResult<Record<string, unknown>>;
    return last.rows;
  } finally {
    await client.end();
  }
}
