/** How facts about attempts are packed into messages that the link will carry, whatever there is to tell. */
import type { AttemptFact } from '@drover/core/wire';
import { FACTS_PER_MESSAGE, INLINE_BYTES_AT_ONCE, INLINE_BYTES_PER_MESSAGE } from './limits.ts';

/** With more items than this, what an inventory says of reasons is cut short. */
const MANY = 2_000;
const SHORT_REASON = 200;

/** Parts of bounded number and size. Beyond what may go at once, the head fetches the logs by stream. */
export function* inMessages(facts: readonly AttemptFact[]): Generator<AttemptFact[]> {
  let part: AttemptFact[] = [];
  let bytes = 0;
  let sum = 0;
  for (const fact of facts) {
    sum += fact.inlineLog?.length ?? 0;
    const item = sum > INLINE_BYTES_AT_ONCE ? { ...fact, inlineLog: null } : fact;
    const length = item.inlineLog?.length ?? 0;
    if (part.length >= FACTS_PER_MESSAGE || bytes + length > INLINE_BYTES_PER_MESSAGE) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += length;
  }
  if (part.length > 0) yield part;
}

/** All of them in one message, so without logs: those of a worker that was long alone exceed any message. */
export function asInventory(facts: readonly AttemptFact[]): AttemptFact[] {
  return facts.map((fact) => {
    const reason = fact.exit?.reason;
    if (facts.length <= MANY || !reason || reason.message.length <= SHORT_REASON || !fact.exit)
      return { ...fact, inlineLog: null };
    const short = { ...reason, message: reason.message.slice(0, SHORT_REASON) };
    return { ...fact, exit: { ...fact.exit, reason: short }, inlineLog: null };
  });
}
