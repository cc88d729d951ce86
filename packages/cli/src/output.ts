import type { Call } from './call.ts';
import { type Column, formatTable } from './text/table.ts';

/** True with `--json`. */
export const wantsJson = (call: Call): boolean => call.command.opts<{ json?: boolean }>().json === true;

/** A value as JSON: one line for programs, indented for a person at a terminal. */
export function printJson(call: Call, value: unknown): void {
  call.terminal.out(JSON.stringify(value, null, call.terminal.outIsTty ? 2 : 0));
}

/** A table with its title line dimmed; `empty` is said on standard error when there is no row. */
export function printTable<T>(
  call: Call,
  columns: readonly Column<T>[],
  rows: readonly T[],
  empty: string,
): void {
  const { terminal } = call;
  if (rows.length === 0) {
    terminal.say(empty);
    return;
  }
  const [title = '', ...lines] = formatTable(columns, rows, terminal.columns);
  terminal.out(terminal.paint.bold(title));
  for (const line of lines) terminal.out(line);
}
