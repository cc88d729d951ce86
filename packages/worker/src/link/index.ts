export { type ControlLinkOptions, openControlLink } from './control-link.ts';
export type { HeadAddress } from './head-address.ts';
export { logDialer } from './log-dialer.ts';
