/** How clusters and jobs look to people. */
import type { ClusterView } from '@drover/client';
import type { Terminal } from '../text/terminal.ts';

/** The status in its colour. */
export function paintClusterStatus(paint: Terminal['paint'], status: string): string {
  switch (status) {
    case 'UP':
    case 'RUNNING':
    case 'SUCCEEDED':
      return paint.green(status);
    case 'INIT':
    case 'PENDING':
    case 'SETTING_UP':
      return paint.yellow(status);
    case 'FAILED':
    case 'FAILED_SETUP':
    case 'FAILED_DRIVER':
      return paint.red(status);
    default:
      return status;
  }
}

/** `10m`, `10m (down)`, `-`. */
export function autostopText({ autostop }: Pick<ClusterView, 'autostop'>): string {
  if (autostop === null) return '-';
  return `${autostop.idleMinutes}m${autostop.down ? ' (down)' : ''}`;
}

/** US dollars as people read them. */
export const dollars = (amount: number): string => `$${amount.toFixed(2)}`;
