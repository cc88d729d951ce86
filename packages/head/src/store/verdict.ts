/** What is to be done with the batches of a group, given the newest number and epoch that are stored. */
import type { PackedBatch, PackedFailure } from './messages.ts';

/** The newest batch that is stored, and the epoch of the head that wrote it. */
export interface StoredHead {
  readonly batch: number;
  readonly epoch: number;
}

export interface Verdict {
  /** What the store's head will be when all accepted batches are written. */
  readonly head: StoredHead;
  /** Batches to write, as indices into the group, in order. */
  readonly accepted: readonly number[];
  /** One for each batch; null for those that are accepted or stored already. */
  readonly results: (PackedFailure | null)[];
  /** Why the last batches were refused, or null. */
  readonly refusal: PackedFailure | null;
}

/**
 * Accepts as many batches as follow on what is stored. After the first that is refused, all later ones are refused for
 * the same reason.
 * @param dead why nothing can be written any more, or null
 */
export function judgeGroup(
  stored: StoredHead,
  group: readonly PackedBatch[],
  dead: PackedFailure | null,
): Verdict {
  const results: (PackedFailure | null)[] = group.map(() => null);
  const accepted: number[] = [];
  let head = stored;
  let refusal = dead;
  for (const [index, batch] of group.entries()) {
    const verdict = refusal ?? judge(head, batch);
    if (verdict === 'stored') continue;
    if (verdict === 'next') {
      head = { batch: batch.number, epoch: batch.epoch };
      accepted.push(index);
    } else results[index] = refusal = verdict;
  }
  return { head, accepted, results, refusal };
}

/** After a failed write: everything that is not stored is refused for that reason. */
export function refuseFrom(
  { accepted, results }: Verdict,
  group: readonly PackedBatch[],
  stored: StoredHead,
  failed: PackedFailure,
): (PackedFailure | null)[] {
  const refused = [...results];
  for (let index = accepted[0] ?? 0; index < group.length; index++) {
    const batch = group[index];
    if (batch && batch.number > stored.batch) refused[index] = failed;
  }
  return refused;
}

function judge(head: StoredHead, batch: PackedBatch): 'stored' | 'next' | PackedFailure {
  const fatal = (message: string): PackedFailure => ({ failure: 'fatal', message });
  if (batch.epoch < head.epoch)
    return fatal(
      `Epoch ${batch.epoch} is over: the store has epoch ${head.epoch}. Another head has taken over.`,
    );
  if (batch.number <= head.batch)
    return batch.epoch === head.epoch
      ? 'stored'
      : fatal(
          `Batch ${batch.number} of epoch ${batch.epoch} was stored in epoch ${head.epoch} by another head.`,
        );
  return batch.number === head.batch + 1
    ? 'next'
    : fatal(`Batch ${batch.number} does not follow on ${head.batch}, the last one stored.`);
}
