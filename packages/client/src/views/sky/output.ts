/** Where text may be written: a stream of Node, or anything with such a `write`. */
export interface OutputStream {
  write(text: string): unknown;
}

/** Null: the console. */
export const writerTo =
  (stream: OutputStream | null): ((text: string) => void) =>
  (text) =>
    void (stream ?? process.stdout).write(text);
