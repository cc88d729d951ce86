/** Words of an ssh configuration, see ssh_config(5). What a head says of hosts is written only if it can be nothing else. */
import { Failure } from '../errors.ts';

/** A name, an address or a user: no blank, no pattern, nothing that looks like an option. */
const PLAIN = /^[A-Za-z0-9_[][\w.:%@+[\]-]{0,254}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNFIT = /[\u0000-\u001f\u007f"]/;

/** @throws {Failure} when more than a word would be read there */
export function sshWord(setting: string, text: string): string {
  if (PLAIN.test(text)) return text;
  throw unfit(setting, text);
}

/** A path in quotes, where it has blanks. `%` and `~` mean something to ssh, as they do where the head reads them. @throws {Failure} */
export function sshPath(setting: string, text: string): string {
  if (text === '' || UNFIT.test(text) || text.endsWith('\\')) throw unfit(setting, text);
  return /[\s#']/.test(text) ? `"${text}"` : text;
}

const unfit = (setting: string, text: string): Failure =>
  new Failure(
    `the head says ${setting} ${JSON.stringify(text.slice(0, 60))}: that is not written to an ssh configuration`,
  );
