import type { OptimizeTarget, Ranked } from './optimize.ts';

/** Nearer first where all else is equal. */
const KINDS = ['local', 'pool', 'ssh'];

/**
 * The order in which candidates are tried: in stock, the user's order, cost or time, the other of the two, and then the
 * smallest machine, so that no GPU and no large machine is taken by who does not need it. Total: equal input, equal order.
 */
export function compareCandidates(a: Ranked, b: Ranked, target: OptimizeTarget, isOrdered: boolean): number {
  const [left, right] = [keysOf(a, target, isOrdered), keysOf(b, target, isOrdered)];
  for (const [at, key] of left.entries()) {
    const other = right[at] as number | string;
    if (key !== other) return key < other ? -1 : 1;
  }
  return 0;
}

function keysOf(
  { candidate, inStock, order }: Ranked,
  target: OptimizeTarget,
  isOrdered: boolean,
): (number | string)[] {
  const { machine, pricePerHour, seconds } = candidate;
  const kind = KINDS.indexOf(machine.infra.split('/')[0] ?? '');
  return [
    inStock ? 0 : 1,
    isOrdered ? order : 0,
    ...(target === 'cost' ? [pricePerHour, seconds] : [seconds, pricePerHour]),
    machine.accelerators?.count ?? 0,
    machine.cpus,
    machine.memoryMiB,
    kind < 0 ? KINDS.length : kind,
    order,
    machine.infra,
    machine.region ?? '',
    machine.zone ?? '',
    machine.type,
  ];
}
