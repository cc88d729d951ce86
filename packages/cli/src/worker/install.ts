import type { Verb } from '../call.ts';
import { install } from '../systemd/install.ts';

/** `drover worker install`. */
export const installWorker: Verb = async (call) => await install(call, 'worker');
