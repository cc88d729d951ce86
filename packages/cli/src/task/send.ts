/** Files of a task on their way to the head, with a word about those that take long. */
import type { Client, SendFiles } from '@drover/client';
import type { Call } from '../call.ts';

/** Below this nobody wants to read about it. */
const WORTH_SAYING_BYTES = 1024 * 1024;

export function sendFiles(call: Call, client: Client): SendFiles {
  return async (path) => {
    const sent = await client.files.send(path);
    if (call.terminal.errIsTty && sent.sentBytes >= WORTH_SAYING_BYTES)
      call.terminal.say(
        `${path}: ${sent.files} files, ${mib(sent.bytes)} MiB, of which ${mib(sent.sentBytes)} MiB were sent`,
      );
    return sent;
  };
}

const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
