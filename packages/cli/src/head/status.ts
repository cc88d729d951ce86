import type { Call, ClientFlags } from '../call.ts';
import { locateHead, openClient } from '../connect.ts';
import { printJson } from '../output.ts';
import { formatAge } from '../text/age.ts';
import { formatPage } from '../text/table.ts';

/** `drover head status`. */
export async function status(call: Call): Promise<number> {
  const flags = call.command.opts<ClientFlags>();
  const found = await locateHead(flags, call.env);
  const view = await openClient(found).head.get();
  if (flags.json) {
    printJson(call, { url: found.url, ...view });
    return 0;
  }
  const { store } = view;
  const page = formatPage([
    ['url', found.url],
    ['context', found.context ?? null],
    ['herd', view.herd],
    ['version', view.version],
    ['up', `${formatAge(view.startedAt, Date.now())}, since ${view.startedAt}`],
    ['epoch', String(view.epoch)],
    ['revision', String(view.rev)],
    ['tls', view.tls === null ? null : `certificate until ${view.tls.expiresAt}`],
    ['store', `${store.kind}, ${store.status}${store.message === null ? '' : `: ${store.message}`}`],
    ['refused frames', view.refusedFrames === 0 ? null : String(view.refusedFrames)],
  ]);
  for (const line of page) call.terminal.out(line);
  return 0;
}
