/**
 * The one contract over the two SQLite drivers: `node:sqlite` where the runtime has it without a warning, else
 * `libsql`. Both are synchronous, so they live in threads only.
 */

/** What SQLite can bind and give back here. */
export type SqlValue = string | number | null;

/** A prepared statement. */
export interface SqlStatement {
  /** Runs it once. @returns the number of rows changed. */
  run(values: readonly SqlValue[]): number;
  /** Every row as an array of its columns; the statement is finished afterwards, so that it pins no snapshot. */
  all(values: readonly SqlValue[]): SqlValue[][];
}

/** One open connection. */
export interface SqlDatabase {
  exec(sql: string): void;
  prepare(sql: string): SqlStatement;
  close(): void;
}

/** A loaded driver. `name` is what the log shows. */
export interface SqlDriver {
  readonly name: 'node:sqlite' | 'libsql';
  open(path: string): SqlDatabase;
}

interface NodeStatement {
  run(...values: SqlValue[]): { changes: number | bigint };
  all(...values: SqlValue[]): unknown;
  setReturnArrays(on: boolean): void;
}
interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
  ) => { exec(sql: string): void; prepare(sql: string): NodeStatement; close(): void };
  readonly StatementSync: { readonly prototype: object };
}

interface LibsqlStatement {
  raw(on: boolean): LibsqlStatement;
  readonly reader: boolean;
  run(values: readonly SqlValue[]): { changes: number };
  all(values: readonly SqlValue[]): unknown;
}
type LibsqlDatabase = new (
  path: string,
) => { exec(sql: string): void; prepare(sql: string): LibsqlStatement; close(): void };

/** The driver for this runtime: `node:sqlite` where it loads without a warning and can give arrays, else `libsql`. */
export async function loadDriver(): Promise<SqlDriver> {
  const builtin = builtinSqlite();
  return builtin ? nodeDriver(builtin) : libsqlDriver(await importLibsql());
}

async function importLibsql(): Promise<LibsqlDatabase> {
  const loaded: { readonly default: unknown } = await import('libsql');
  return loaded.default as LibsqlDatabase;
}

/** An experimental `node:sqlite` announces itself by a warning when it is loaded: caught here, and taken as a no. */
function builtinSqlite(): NodeSqlite | null {
  const emit = process.emitWarning;
  let warned = false;
  process.emitWarning = () => {
    warned = true;
  };
  try {
    const loaded = process.getBuiltinModule?.('node:sqlite') as unknown as NodeSqlite | undefined;
    return loaded && !warned && 'setReturnArrays' in loaded.StatementSync.prototype ? loaded : null;
  } finally {
    process.emitWarning = emit;
  }
}

function nodeDriver(sqlite: NodeSqlite): SqlDriver {
  return {
    name: 'node:sqlite',
    open(path) {
      const db = new sqlite.DatabaseSync(path);
      return {
        exec: (sql) => db.exec(sql),
        close: () => db.close(),
        prepare(sql) {
          const statement = db.prepare(sql);
          statement.setReturnArrays(true);
          return {
            run: (values) => Number(statement.run(...values).changes),
            all: (values) => statement.all(...values) as SqlValue[][],
          };
        },
      };
    },
  };
}

function libsqlDriver(Database: LibsqlDatabase): SqlDriver {
  return {
    name: 'libsql',
    open(path) {
      const db = new Database(path);
      return {
        exec: (sql) => db.exec(sql),
        close: () => db.close(),
        prepare(sql) {
          const statement = db.prepare(sql);
          if (statement.reader) statement.raw(true);
          return {
            run: (values) => statement.run(values).changes,
            all: (values) => statement.all(values) as SqlValue[][],
          };
        },
      };
    },
  };
}
