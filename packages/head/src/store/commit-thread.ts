/**
 * The thread that owns a connection. Started twice: once to write, once to read. It is an entry point of its own: in
 * the bundle it lies beside the chunks as `commit-thread.js`. Imports no value of the engine, so that it stays small.
 */
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { DATABASE_NAME, openForReading, openForWriting } from './database-file.ts';
import { loadDriver, type SqlDriver } from './driver.ts';
import { passGate } from './exit-gate.ts';
import { diskIsFull, failureOf } from './failures.ts';
import type { PackedFailure, ThreadOpened, ThreadReply, ThreadRequest, ThreadStart } from './messages.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const { role, dir, gate } = workerData as ThreadStart;
const path = join(dir, DATABASE_NAME);
const isFull = () => diskIsFull(dir);

function say(message: ThreadReply | ThreadOpened): void {
  parentPort?.postMessage(message);
}

function packError(error: unknown): PackedFailure {
  const { failure, message } = failureOf(error, path, isFull);
  return { failure, message };
}

/** Answers one request. @returns false when it was the last. */
type Serve = (request: ThreadRequest) => boolean;

function serveWrites(writer: Writer, release: () => void): Serve {
  return ({ id, op, input }) => {
    if (op === 'commit') {
      say({ id, result: writer.commit(input) });
      writer.tidy();
      return true;
    }
    if (op !== 'close') throw new TypeError(`The writing thread has no operation '${op}'.`);
    release();
    say({ id, result: null });
    return false;
  };
}

function serveReads(reader: Reader, release: () => void): Serve {
  return (request) => {
    const { id } = request;
    const give = (result: unknown) => say({ id, result });
    switch (request.op) {
      case 'last':
        give(reader.last());
        return true;
      case 'maxSeq':
        give(reader.maxSeq(request.input));
        return true;
      case 'get':
        give(reader.get(request.input.collection, request.input.id));
        return true;
      case 'page':
        reader.page(request.input, (part) => say({ id, part }));
        give(null);
        return true;
      case 'load':
        reader.load(request.input.collection, request.input.statuses, (part) => say({ id, part }));
        give(null);
        return true;
      case 'close':
        release();
        give(null);
        return false;
      default:
        throw new TypeError(`The reading thread has no operation '${request.op}'.`);
    }
  };
}

function open(driver: SqlDriver): void {
  let serve: Serve;
  let migratedFrom: number | null = null;
  if (role === 'write') {
    const file = openForWriting(driver, dir);
    migratedFrom = file.migratedFrom;
    serve = serveWrites(new Writer(file.db, path, isFull), file.release);
  } else {
    const db = openForReading(driver, dir);
    serve = serveReads(new Reader(db), () => db.close());
  }
  parentPort?.on('message', (request: ThreadRequest) => passGate(gate, () => answer(serve, request)));
  say({ opened: true, driver: driver.name, migratedFrom });
}

function answer(serve: Serve, request: ThreadRequest): void {
  try {
    if (!serve(request)) parentPort?.close();
  } catch (error) {
    say({ id: request.id, error: packError(error) });
  }
}

loadDriver()
  .then((driver) => passGate(gate, () => open(driver)))
  .catch((error: unknown) => {
    say({ opened: false, error: packError(error) });
    parentPort?.close();
  });
