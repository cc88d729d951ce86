import { expect, it } from 'vitest';
import { failureOf } from './failures.ts';

const sqlite = (rawCode: number) => Object.assign(new Error('text of SQLite'), { rawCode });

it.each([
  ['SQLITE_FULL', sqlite(13), false, 'full'],
  ['SQLITE_BUSY', sqlite(5), false, 'busy'],
  ['SQLITE_BUSY_SNAPSHOT', sqlite(517), false, 'busy'],
  ['SQLITE_LOCKED', sqlite(6), false, 'busy'],
  ['SQLITE_IOERR_WRITE with room', sqlite(778), false, 'fatal'],
  ['SQLITE_IOERR_WRITE without room', sqlite(778), true, 'full'],
  ['SQLITE_IOERR_SHMSIZE without room', sqlite(4874), true, 'full'],
  ['SQLITE_IOERR_FSYNC, room or not', sqlite(1034), true, 'fatal'],
  ['SQLITE_IOERR_DIR_FSYNC', sqlite(1290), true, 'fatal'],
  ['SQLITE_CORRUPT', sqlite(11), true, 'fatal'],
  ['SQLITE_NOTADB', sqlite(26), true, 'fatal'],
  ['SQLITE_CONSTRAINT_UNIQUE', sqlite(2067), true, 'fatal'],
  [
    'an error of node:sqlite',
    Object.assign(new Error('x'), { code: 'ERR_SQLITE_ERROR', errcode: 13 }),
    false,
    'full',
  ],
  ['any other error', new Error('x'), true, 'fatal'],
  ['no error at all', null, true, 'fatal'],
] as const)('takes %s as it should', (_, error, full, failure) => {
  expect(failureOf(error, '/state/drover.db', () => full).failure).toBe(failure);
});
