/** What the log of a worker that has ended says about its end, in words. */

/** @param log its last lines @returns null when they say nothing */
export function lastWords(log: string): string | null {
  const lines = log.trim().split('\n');
  const line = lines.findLast((each) => each.startsWith('drover: ')) ?? lines.at(-1) ?? '';
  return wordsOf(line).slice(0, 500) || null;
}

/** A line of the process log, an error as JSON, or plain text. */
function wordsOf(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { msg, why, error, err } = JSON.parse(line) as {
      msg?: string;
      why?: string;
      error?: { message?: string };
      err?: { message?: string };
    };
    const detail = why ?? err?.message;
    if (error?.message !== undefined) return error.message;
    return [msg, detail].filter((part) => part !== undefined).join(': ');
  } catch {
    return line;
  }
}
