import type { Call } from '../call.ts';
import { exitCodeOf, renderError } from '../errors.ts';
import { wantsJson } from '../output.ts';

/**
 * Does something for each reference in turn; one that fails does not stop the others.
 * @returns the exit code of the first failure, else 0
 */
export async function forEachRef(
  call: Call,
  refs: readonly string[],
  act: (ref: string) => Promise<void>,
): Promise<number> {
  let code = 0;
  for (const ref of refs) {
    try {
      await act(ref);
    } catch (error) {
      if (refs.length === 1) throw error;
      call.terminal.say(renderError(error, wantsJson(call)));
      code ||= exitCodeOf(error);
    }
  }
  return code;
}
