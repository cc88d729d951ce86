/** Reads a backup line by line, and says at its end whether it was whole. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { decodeRow } from '@drover/engine';
import { SCHEMA_VERSION } from '../migrations.ts';
import {
  type BackupEnd,
  BackupError,
  type BackupHeader,
  type BackupRecord,
  parseHeader,
  parseRecord,
} from './format.ts';

/** The longest line: a row with the largest bodies, many times over. */
const MOST_LINE_BYTES = 256 * 1024 * 1024;
const NEWLINE = 10;

/** What a whole backup holds. */
export interface BackupContents {
  readonly header: BackupHeader;
  readonly rows: number;
}

/**
 * Calls `take` for each record, in order, and waits for it. Nothing that was taken counts before this resolves: only the
 * last line tells whether all of it is whole.
 * @throws {BackupError} naming the file: damaged, cut off, no backup, or of a newer program
 */
export async function readBackup(
  file: string,
  take: (record: BackupRecord, header: BackupHeader) => Promise<void> | void,
): Promise<BackupContents> {
  const hash = createHash('sha256');
  let header: BackupHeader | null = null;
  let end: BackupEnd | null = null;
  let lines = 0;
  let rows = 0;
  try {
    for await (const line of linesOf(file)) {
      if (end) throw new BackupError('something follows its end');
      const value: unknown = JSON.parse(line.toString('utf8'));
      const last = (value as { end?: BackupEnd } | null)?.end;
      if (header && last) {
        end = last;
        continue;
      }
      hash.update(line).update('\n');
      lines += 1;
      if (!header) {
        header = parseHeader(value, SCHEMA_VERSION);
        continue;
      }
      const record = parseRecord(value);
      if (record.kind === 'row') {
        rows += 1;
        decodeRow(record.collection, record.row); // throws for a body that is damaged, or newer than this program
      }
      await take(record, header);
    }
    if (!header || !end) throw new BackupError('it was cut off: its end is missing');
    if (end.lines !== lines || end.rows !== rows || end.sha256 !== hash.digest('hex'))
      throw new BackupError('its checksum is wrong: it was changed or damaged');
  } catch (error) {
    throw refusal(file, error);
  }
  return { header, rows };
}

function refusal(file: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new BackupError(`there is no file ${file}`);
  const isOurs = error instanceof BackupError || error instanceof SyntaxError || code?.startsWith('Z_');
  const isRow = (error as Error).name === 'StoreError';
  if (!isOurs && !isRow) return error as Error;
  const why = error instanceof SyntaxError ? 'a line is no JSON' : message;
  return new BackupError(`${file} cannot be restored: ${why}. Nothing was changed.`, { cause: error });
}

async function* linesOf(file: string): AsyncIterable<Buffer> {
  const input = createReadStream(file);
  const unzipped = createGunzip();
  input.once('error', (error) => unzipped.destroy(error));
  const rest: Buffer[] = [];
  let held = 0;
  try {
    for await (const chunk of input.pipe(unzipped) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        rest.push(chunk.subarray(from, at));
        yield Buffer.concat(rest.splice(0));
        held = 0;
        from = at + 1;
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
      held += chunk.length - from;
      if (held > MOST_LINE_BYTES) throw new BackupError('a line is longer than any should be');
    }
    if (rest.length > 0) throw new BackupError('it was cut off in the middle of a line');
  } finally {
    input.destroy();
    unzipped.destroy();
  }
}
