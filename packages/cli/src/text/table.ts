import { oneLine } from './sanitize.ts';
import { pad, truncate, widthOf } from './width.ts';

/** One column of a table. */
export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  /** May be cut to so many columns of the terminal; absent: never cut. */
  readonly min?: number;
  /** Where room is short, the column with the highest number goes first; absent: it stays. */
  readonly drop?: number;
  /** Colours the cell, padding excluded. */
  readonly paint?: (text: string, row: T) => string;
}

const GAP = 2;

/**
 * Aligned lines with a title line. Fits `width` by cutting the widest columns that may be cut, then by leaving columns
 * out. An infinite width (a pipe) cuts nothing. Columns that are empty in every row are left out, unless they stay always.
 */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[], width: number): string[] {
  const cells = new Map(
    columns.map((column) => [column, rows.map((row) => oneLine(column.value(row)))] as const),
  );
  const cellsOf = (column: Column<T>): readonly string[] => cells.get(column) ?? [];
  const used = columns.filter(
    (column) => column.drop === undefined || cellsOf(column).some((text) => text !== ''),
  );
  const fitted = fit(used, (column) => longest(column.title, cellsOf(column)), width);
  const line = (texts: readonly string[], paint: (index: number, text: string) => string): string =>
    texts
      .map((text, index) => {
        const size = fitted[index]?.width ?? 0;
        const cut = truncate(text, size);
        const blanks = index === texts.length - 1 ? '' : pad('', size + GAP - widthOf(cut));
        return paint(index, cut) + blanks;
      })
      .join('')
      .trimEnd();
  const head = line(
    fitted.map(({ column }) => column.title),
    (_, text) => text,
  );
  const body = rows.map((row, at) =>
    line(
      fitted.map(({ column }) => cellsOf(column)[at] ?? ''),
      (index, text) => fitted[index]?.column.paint?.(text, row) ?? text,
    ),
  );
  return [head, ...body];
}

interface Fitted<T> {
  readonly column: Column<T>;
  width: number;
}

function fit<T>(
  columns: readonly Column<T>[],
  natural: (column: Column<T>) => number,
  width: number,
): Fitted<T>[] {
  const fitted = columns.map((column) => ({ column, width: natural(column) }));
  const total = (): number => fitted.reduce((sum, one) => sum + one.width, GAP * (fitted.length - 1));
  const least = (one: Fitted<T>): number =>
    Math.min(natural(one.column), one.column.min ?? Number.POSITIVE_INFINITY);
  // First leave out what cannot fit even when all is cut, then cut the widest until the rest fits.
  while (fitted.reduce((sum, one) => sum + least(one), GAP * (fitted.length - 1)) > width) {
    const last = Math.max(...fitted.map(({ column }) => column.drop ?? -1));
    const index = fitted.findIndex(({ column }) => (column.drop ?? -1) === last);
    if (last < 0 || fitted.length === 1) break;
    fitted.splice(index, 1);
  }
  while (total() > width) {
    const widest = fitted
      .filter((one) => one.width > least(one))
      .reduce<Fitted<T> | null>((a, b) => (a === null || b.width > a.width ? b : a), null);
    if (widest === null) break;
    widest.width = Math.max(least(widest), widest.width - Math.max(1, Math.floor((total() - width) / 4)));
  }
  // A terminal narrower than what must stay: the last column gives way.
  const end = fitted.at(-1);
  if (end && total() > width) end.width = Math.max(1, end.width - (total() - width));
  return fitted;
}

const longest = (title: string, texts: readonly string[]): number =>
  texts.reduce((most, text) => Math.max(most, widthOf(text)), widthOf(title));

/** `key  value` lines, aligned; what is null is left out. Values may have several lines. */
export function formatPage(entries: readonly (readonly [string, string | null])[]): string[] {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] !== null);
  const width =
    longest(
      '',
      shown.map(([key]) => key),
    ) + GAP;
  return shown.map(([key, value]) => pad(key, width) + oneLine(value));
}
