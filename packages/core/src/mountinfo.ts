/** What is mounted where, as `/proc/self/mountinfo` tells it. */

/**
 * The mount points at a folder and below it.
 * @param text of `/proc/self/mountinfo`
 * @param folder its real path
 */
export function mountsIn(text: string, folder: string): string[] {
  return text
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) => charOf(octal)))
    .filter((point) => point === folder || point.startsWith(`${folder}/`));
}

/** Blanks, line ends and backslashes are written so. */
const charOf = (octal: string): string => String.fromCharCode(Number.parseInt(octal, 8));
