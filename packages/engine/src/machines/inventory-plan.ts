/** What a provider's list says about our machines: pure. Lists may be late, partial, or wrong once. */
import type { ProviderMachine } from '../ports.ts';
import type { MachineRow } from './row.ts';
import { machineOfTag } from './tag.ts';
import type { MachineTiming } from './timing.ts';

/** How often, and since when, a machine was not on the list. */
export interface Absence {
  readonly times: number;
  readonly sinceMs: number;
}

export type InventoryStep =
  /** It exists, although nobody has heard that it was made. */
  | { readonly do: 'adopt'; readonly row: MachineRow; readonly seen: ProviderMachine }
  | { readonly do: 'note'; readonly row: MachineRow; readonly seen: ProviderMachine }
  | { readonly do: 'stopped'; readonly row: MachineRow }
  /** It stopped by itself. */
  | { readonly do: 'restart'; readonly row: MachineRow }
  /** Nothing of it exists, and that was wanted, or has to be cleared up. */
  | { readonly do: 'gone'; readonly row: MachineRow }
  | { readonly do: 'lost'; readonly row: MachineRow; readonly code: string; readonly message: string }
  /** It was gone, and is listed again. */
  | { readonly do: 'remove'; readonly tag: string };

export interface InventoryView {
  readonly herd: string;
  readonly rows: readonly MachineRow[];
  readonly listed: readonly ProviderMachine[];
  /** Absences so far; this list is counted in by {@link planInventory}. */
  readonly absences: ReadonlyMap<string, Absence>;
  /** Machines of which a call was under way while the list was made: it proves nothing about them. */
  readonly blurred: ReadonlySet<string>;
  readonly isExact: boolean;
  /** By the monotonic clock. */
  readonly nowMs: number;
  readonly wallMs: number;
}

export interface InventoryPlan {
  readonly steps: readonly InventoryStep[];
  readonly absences: ReadonlyMap<string, Absence>;
  /** They carry our herd's tag, and no record of ours knows them. */
  readonly unknown: readonly ProviderMachine[];
}

/** Compares the list with the rows of one infra. */
export function planInventory(view: InventoryView, timing: MachineTiming): InventoryPlan {
  const steps: InventoryStep[] = [];
  const absences = new Map<string, Absence>();
  const byTag = new Map(view.listed.map((machine) => [machine.tag, machine]));
  const known = new Map(view.rows.map((row) => [row.tag, row]));
  for (const row of view.rows) {
    if (view.blurred.has(row.id)) continue;
    const seen = byTag.get(row.tag);
    if (seen) {
      const step = whenSeen(row, seen);
      if (step) steps.push(step);
      continue;
    }
    if (row.status === 'WANTED' || row.status === 'GONE') continue;
    const before = view.absences.get(row.id);
    const absence = { times: (before?.times ?? 0) + 1, sinceMs: before?.sinceMs ?? view.nowMs };
    absences.set(row.id, absence);
    const isSure =
      view.isExact ||
      (absence.times >= timing.absentTimes && view.nowMs - absence.sinceMs >= timing.absentMs);
    if (!isSure) continue;
    const step = whenAbsent(row, view, timing);
    if (step) steps.push(step);
  }
  const unknown = view.listed.filter(({ tag }) => !known.has(tag) && machineOfTag(view.herd, tag) !== null);
  return { steps, absences, unknown };
}

function whenSeen(row: MachineRow, seen: ProviderMachine): InventoryStep | null {
  switch (row.status) {
    case 'CREATING':
      return seen.status === 'terminating' ? null : { do: 'adopt', row, seen };
    case 'READY':
      if (seen.status === 'stopped' && row.desired === 'RUNNING') return { do: 'restart', row };
      break;
    case 'STOPPING':
      if (seen.status === 'stopped') return { do: 'stopped', row };
      break;
    case 'GONE':
      return seen.status === 'terminating' ? null : { do: 'remove', tag: row.tag };
    default:
      break;
  }
  // Why a worker that is awaited does not come.
  const isAwaited = row.status === 'JOINING' || row.status === 'STARTING';
  const isSaid = isAwaited && seen.note !== null && seen.note !== row.reason?.message;
  const isNews = isSaid || seen.address !== row.address;
  return isNews ? { do: 'note', row, seen } : null;
}

function whenAbsent(row: MachineRow, view: InventoryView, timing: MachineTiming): InventoryStep | null {
  switch (row.status) {
    case 'TERMINATING':
      return { do: 'gone', row };
    case 'FAILED':
      return row.mayExist ? { do: 'gone', row } : null;
    case 'JOINING':
      // The provider has said that it made it: its list may take a while to say so too.
      if (!view.isExact && view.wallMs - row.sinceMs < timing.appearMs) return null;
      return {
        do: 'lost',
        row,
        code: 'NEVER_APPEARED',
        message: `${row.infra} said that it was made, but never listed it`,
      };
    case 'READY':
    case 'STOPPING':
    case 'STOPPED':
    case 'STARTING':
      return {
        do: 'lost',
        row,
        code: 'VANISHED',
        message: `${row.infra} does not list it any more: it was removed by somebody else, or taken back`,
      };
    default:
      return null;
  }
}
