/** The command as one could type it: a string as it is, a list with quotes where a shell needs them. */
export function formatCommand(command: string | readonly string[]): string {
  return typeof command === 'string' ? command : command.map(quote).join(' ');
}

/** One word for a POSIX shell. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
