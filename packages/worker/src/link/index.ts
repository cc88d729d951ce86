export { type ControlLinkOptions, openControlLink } from './control-link.ts';
export { logDialer } from './log-dialer.ts';
