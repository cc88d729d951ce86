/** What is to be done next for one machine: pure. */
import type { MachineRow } from './row.ts';
import type { MachineTiming } from './timing.ts';

/** What is known of a machine besides its row. */
export interface Seen {
  readonly nowMs: number;
  /** Its provider is set up, and can stop machines. */
  readonly provider: { readonly canStop: boolean } | null;
  /** A call for it is under way or waits. */
  readonly isBusy: boolean;
  /** Milliseconds until the next try is due; 0: now. */
  readonly pauseMs: number;
  /** Its worker is heard of. */
  readonly isOnline: boolean;
  /** Nothing runs on it that would be cut off. */
  readonly isDrained: boolean;
}

export type Effect = 'create' | 'stop' | 'start' | 'terminate';

export type MachineStep =
  | { readonly do: 'begin' | 'join' | 'halt' | 'start' | 'terminate' | 'vanish' | 'alert' }
  | { readonly do: 'fail'; readonly code: string; readonly message: string; readonly mayExist: boolean }
  | { readonly do: 'effect'; readonly effect: Effect }
  /** Asks what runs there to end; then again when it has. */
  | { readonly do: 'drain' }
  | { readonly do: 'nothing'; readonly againMs: number | null };

const nothing = (againMs: number | null = null): MachineStep => ({ do: 'nothing', againMs });

/** The next step. Every state with a deadline says when to look again. */
export function planMachine(row: MachineRow, seen: Seen, timing: MachineTiming): MachineStep {
  const { nowMs, provider } = seen;
  const overdue = row.deadlineMs !== null && nowMs >= row.deadlineMs;
  // Nothing more happens at a deadline that is over.
  const leftMs = row.deadlineMs === null || overdue ? null : row.deadlineMs - nowMs;
  const wantsStop = row.desired === 'STOPPED' && provider?.canStop === true;

  /** A call that may be made now, else when to look again. */
  const call = (effect: Effect): MachineStep => {
    if (seen.isBusy) return nothing(leftMs);
    if (seen.pauseMs > 0) return nothing(leftMs === null ? seen.pauseMs : Math.min(seen.pauseMs, leftMs));
    return { do: 'effect', effect };
  };
  /** A step that has to succeed in the end, however long it takes: people are told when it is late. */
  const insist = (effect: Effect): MachineStep => {
    if (overdue && row.alertedMs === null) return { do: 'alert' };
    if (!seen.isDrained && nowMs - row.sinceMs < timing.drainMs) return { do: 'drain' };
    return call(effect);
  };

  switch (row.status) {
    case 'WANTED':
      if (row.desired === 'GONE') return { do: 'vanish' };
      if (!provider)
        return {
          do: 'fail',
          code: 'INVALID',
          message: `there is no infra ${row.infra} on this head`,
          mayExist: false,
        };
      return { do: 'begin' };
    case 'CREATING':
      if (row.desired === 'GONE') return { do: 'terminate' };
      if (seen.isOnline) return { do: 'join' };
      if (overdue)
        return {
          do: 'fail',
          code: 'CREATE_TIMEOUT',
          message: `${row.infra} did not make it in time${lastWords(row)}`,
          mayExist: true,
        };
      return provider ? call('create') : nothing(leftMs);
    case 'JOINING':
    case 'STARTING':
      if (row.desired === 'GONE') return { do: 'terminate' };
      if (wantsStop) return { do: 'halt' };
      // A start that has not been asked for yet is not over, though its worker may still look alive.
      if (seen.isOnline && !(row.status === 'STARTING' && (row.attempts === 0 || seen.isBusy)))
        return { do: 'join' };
      if (overdue)
        return {
          do: 'fail',
          code: row.status === 'STARTING' ? 'START_TIMEOUT' : 'JOIN_TIMEOUT',
          message: `its worker was not heard of in time${lastWords(row)}`,
          mayExist: true,
        };
      return row.status === 'STARTING' && provider && row.reason?.code !== 'STARTED'
        ? call('start')
        : nothing(leftMs);
    case 'READY':
      if (row.desired === 'GONE') return { do: 'terminate' };
      if (wantsStop) return { do: 'halt' };
      return nothing();
    case 'STOPPING':
      if (row.desired === 'GONE') return { do: 'terminate' };
      return insist('stop');
    case 'STOPPED':
      if (row.desired === 'GONE') return { do: 'terminate' };
      if (row.desired === 'RUNNING') return { do: 'start' };
      return nothing();
    case 'TERMINATING':
      return insist('terminate');
    case 'FAILED':
      if (row.desired === 'GONE') return { do: row.mayExist ? 'terminate' : 'vanish' };
      return row.mayExist ? insist('terminate') : nothing();
    case 'GONE':
      return nothing();
  }
}

const lastWords = (row: MachineRow): string => (row.reason === null ? '' : `: ${row.reason.message}`);
