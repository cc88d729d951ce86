import type { Verb } from '../call.ts';
import { install } from '../systemd/install.ts';

/** `drover head install`. */
export const installHead: Verb = async (call) => await install(call, 'head');
