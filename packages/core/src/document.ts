/** A document that a person wrote, as plain values, and where in its text each of them stands. */
import { shorten } from './drover-error.ts';

/** Keys and indices from the top of a document down to a value. */
export type DocumentPath = readonly (string | number)[];

/** Both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface PlainDocument {
  /** Null, booleans, numbers, strings, arrays, and objects whose keys are their own. */
  readonly value: unknown;
  /** As the person knows it; null when the document came from no file. */
  readonly file: string | null;
  /** Where the value at the path begins, or its key when it has parts; null when that is not known. */
  locate(path: DocumentPath): Place | null;
  /** A scalar as it was written (`1.10`, which is 1.1 as a number); null when that is not known. */
  written(path: DocumentPath): string | null;
}

/** A value that was not read from text, as a document. */
export const documentOf = (value: unknown, file: string | null = null): PlainDocument => ({
  value,
  file,
  locate: () => null,
  written: () => null,
});

/** `resources.any_of[1].cpus`, as errors name it. Keys are the writer's, of any length: each is shortened. */
export function pathText(path: DocumentPath): string {
  return path
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : at ? `.${shorten(part)}` : shorten(part)))
    .join('');
}

/** `task.yaml:3:5`; what is not known is left out. */
export function placeText(what: string, place: Place | null): string {
  return place === null ? what : `${what}:${place.line}:${place.column}`;
}
