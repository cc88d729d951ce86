import type { FoundHead } from '@drover/client/local';
import { leanFetch } from '../http/fetch.ts';

/**
 * The oldest revision after which the head still has every event: it says only whether one is too old, so the answer
 * is found by halving.
 */
export async function oldestRevision(head: FoundHead, rev: number): Promise<number> {
  let tooOld = -1;
  let fine = rev;
  while (fine - tooOld > 1) {
    const middle = Math.floor((tooOld + fine) / 2);
    if (await isTooOld(head, middle)) tooOld = middle;
    else fine = middle;
  }
  return fine;
}

async function isTooOld(head: FoundHead, after: number): Promise<boolean> {
  const headers: Record<string, string> =
    head.token === undefined ? {} : { authorization: `Bearer ${head.token}` };
  const end = new AbortController();
  const reply = await leanFetch(head.ca ?? null)(`${head.url}/v1/events?after=${after}`, {
    headers,
    signal: end.signal,
  });
  const { status } = reply;
  await reply.body?.getReader().cancel();
  end.abort();
  return status === 410;
}
