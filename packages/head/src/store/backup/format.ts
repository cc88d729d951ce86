/**
 * The form of a backup, the same for every store: gzip of JSON lines.
 *
 *     {"drover": "backup", "format": 1, "herd": ..., "epoch": ..., ...}      the header, first
 *     ["instances", id, seq, project, name, status, owner, rev, v, body]     a row
 *     {"mark": "instances", "seq": n}                                        highest seq ever given in a collection
 *     {"file": "admin.token", "text": ...}                                   a file of the state folder; "secrets.key" too
 *     {"blob": "log/<id>/<n>", "data": base64}                               a piece of a log; pieces follow one another
 *     {"end": {"lines": n, "rows": n, "sha256": ...}}                        the last: of all lines before it
 */
import type { CollectionName, StoredRow } from '@drover/engine';
import { SECRETS_KEY } from '../seal/secrets-key.ts';
import { COLUMNS, TABLES } from '../tables.ts';

/** The form that this program writes, and the newest that it reads. */
export const BACKUP_FORMAT = 1;

/** What a backup says of itself. */
export interface BackupHeader {
  readonly drover: 'backup';
  readonly format: number;
  /** Schema of the columns. */
  readonly schema: number;
  /** Program that wrote it. */
  readonly version: string;
  readonly store: string;
  readonly herd: string | null;
  /** The state is that after this batch, no more and no less. */
  readonly batch: number;
  readonly epoch: number;
  readonly rev: number;
  /** ISO 8601. */
  readonly at: string;
}

/** The last line. */
export interface BackupEnd {
  readonly lines: number;
  readonly rows: number;
  readonly sha256: string;
}

/** One line between header and end. */
export type BackupRecord =
  | { readonly kind: 'row'; readonly collection: CollectionName; readonly row: StoredRow }
  | { readonly kind: 'mark'; readonly collection: CollectionName; readonly seq: number }
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'blob'; readonly key: string; readonly data: Uint8Array };

/**
 * Files of the state folder that belong to the state: without its token nobody could speak with a restored head, and
 * without its key it could not open the secrets of its tasks.
 */
export const STATE_FILES: readonly string[] = ['admin.token', SECRETS_KEY];

/** A backup that cannot be made or used, or a place that it cannot be put to. The message says what to do. */
export class BackupError extends Error {}

/** @returns the line, without its end */
export function encodeRecord(record: BackupRecord): string {
  switch (record.kind) {
    case 'row': {
      const { id, seq, project, name, status, owner, rev, v, body } = record.row;
      return JSON.stringify([record.collection, id, seq, project, name, status, owner, rev, v, body]);
    }
    case 'mark':
      return JSON.stringify({ mark: record.collection, seq: record.seq });
    case 'file':
      return JSON.stringify({ file: record.name, text: record.text });
    case 'blob':
      return JSON.stringify({ blob: record.key, data: Buffer.from(record.data).toString('base64') });
  }
}

/** @throws {BackupError} for what is none of the lines above */
export function parseRecord(value: unknown): BackupRecord {
  if (Array.isArray(value)) return parseRow(value);
  const { mark, seq, file, text, blob, data } = value as Record<string, unknown>;
  if (isCollection(mark) && isCount(seq)) return { kind: 'mark', collection: mark, seq };
  if (typeof file === 'string' && STATE_FILES.includes(file) && typeof text === 'string')
    return { kind: 'file', name: file, text };
  if (typeof blob === 'string' && typeof data === 'string')
    return { kind: 'blob', key: blob, data: Buffer.from(data, 'base64') };
  throw new BackupError('a line is of no known kind');
}

function parseRow(value: readonly unknown[]): BackupRecord {
  const [collection, id, seq, project, name, status, owner, rev, v, body] = value;
  const text = (each: unknown): each is string => typeof each === 'string';
  const textOrNull = (each: unknown): each is string | null => each === null || text(each);
  if (
    value.length !== COLUMNS.length + 2 ||
    !(isCollection(collection) && text(id) && isCount(seq) && text(project) && textOrNull(name)) ||
    !(text(status) && textOrNull(owner) && isCount(rev) && isCount(v) && text(body))
  )
    throw new BackupError('a row has not the form that it should have');
  return { kind: 'row', collection, row: { id, seq, project, name, status, owner, rev, v, body } };
}

/** @throws {BackupError} when this is no header, or one of a newer program */
export function parseHeader(value: unknown, schema: number): BackupHeader {
  const header = value as BackupHeader;
  if (typeof value !== 'object' || value === null || header.drover !== 'backup' || !isCount(header.format))
    throw new BackupError('it does not begin as a backup of Drover does');
  const newer = (what: string, found: number, known: number): BackupError =>
    new BackupError(
      `it has ${what} ${found}, but this program (which reads up to ${known}) is older than the Drover ${header.version} that wrote it: restore it with that one`,
    );
  if (header.format > BACKUP_FORMAT) throw newer('the format', header.format, BACKUP_FORMAT);
  if (header.schema > schema) throw newer('schema version', header.schema, schema);
  if (!isCount(header.batch) || !isCount(header.epoch) || !isCount(header.schema))
    throw new BackupError('its header is not whole');
  return header;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isCollection = (value: unknown): value is CollectionName =>
  typeof value === 'string' && Object.hasOwn(TABLES, value);
