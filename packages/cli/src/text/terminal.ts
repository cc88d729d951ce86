import { once } from 'node:events';
import type { WriteStream } from 'node:tty';
import pc from 'picocolors';

/** Where the program writes, and what it may do there. */
export interface Terminal {
  /** A line of data, to standard output. */
  readonly out: (line: string) => void;
  /** A line about the doings of the program, to standard error. */
  readonly say: (line: string) => void;
  /** Bytes to standard output; resolves when more may follow. */
  readonly write: (chunk: Uint8Array | string) => Promise<void>;
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
  /** True when a person can answer a question. */
  readonly canAsk: boolean;
  /** Columns for a table; infinite when standard output is no terminal. */
  readonly columns: number;
  /** Colours for standard output; they do nothing where there must be none. */
  readonly paint: ReturnType<typeof pc.createColors>;
}

type Env = Readonly<Record<string, string | undefined>>;

/** The terminal of this process. */
export function openTerminal(env: Env): Terminal {
  const { stdin, stdout, stderr } = process;
  const outIsTty = stdout.isTTY === true;
  const errIsTty = stderr.isTTY === true;
  const colours = outIsTty && !env.NO_COLOR && env.TERM !== 'dumb';
  const plain = outIsTty && isAsciiLocale(env) ? (text: string) => text.replace(NON_ASCII, '?') : same;
  const plainErr = errIsTty && isAsciiLocale(env) ? (text: string) => text.replace(NON_ASCII, '?') : same;
  return {
    out: (line) => void stdout.write(`${plain(line)}\n`),
    say: (line) => void stderr.write(`${plainErr(line)}\n`),
    async write(chunk) {
      if (!stdout.write(typeof chunk === 'string' ? plain(chunk) : chunk)) await once(stdout, 'drain');
    },
    outIsTty,
    errIsTty,
    canAsk: stdin.isTTY === true && errIsTty,
    columns: outIsTty ? columnsOf(stdout, env) : Number.POSITIVE_INFINITY,
    paint: pc.createColors(colours),
  };
}

const same = (text: string): string => text;
const NON_ASCII = /\P{ASCII}/gu;

/** True when the locale says outright that the terminal shows no UTF-8. One that says nothing is given the benefit. */
function isAsciiLocale(env: Env): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return locale !== '' && !/utf-?8/i.test(locale);
}

function columnsOf(stream: WriteStream, env: Env): number {
  const given = Number(env.COLUMNS);
  return stream.columns || (Number.isInteger(given) && given > 0 ? given : 80);
}

/** A reader that goes away (`drover ps | head -1`) ends the program quietly, as it ends any other. */
export function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 141 : 1);
  });
  process.stderr.on('error', () => undefined);
}

/** A head or worker goes on when nobody reads what it says. */
export function surviveClosedPipe(): void {
  process.stdout.removeAllListeners('error').on('error', () => undefined);
}

/** Resolves when all that was written has left. */
export async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}
