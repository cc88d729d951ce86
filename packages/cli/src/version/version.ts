import type { Call } from '../call.ts';
import { printJson, wantsJson } from '../output.ts';

/** `drover version`. */
export async function version(call: Call): Promise<number> {
  const { version: own } = call.hooks;
  if (wantsJson(call))
    printJson(call, { version: own, node: process.version, platform: `${process.platform}-${process.arch}` });
  else call.terminal.out(`drover ${own} (node ${process.version}, ${process.platform}-${process.arch})`);
  return 0;
}
