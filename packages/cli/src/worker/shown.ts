import type { WorkerView } from '@drover/client';
import { formatMiB } from '../values/bytes.ts';

/** "6/8": what is free of what there is. */
export const freeOf = (view: WorkerView, key: 'cpu' | 'gpus'): string =>
  `${view.available[key]}/${view.total[key]}`;

/** "12GiB/16GiB". */
export const freeMemory = (view: WorkerView): string =>
  `${formatMiB(view.available.memoryMiB)}/${formatMiB(view.total.memoryMiB)}`;
