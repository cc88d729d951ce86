/** Files on a worker: fetched from the head, cached, and laid out in the homes of nodes. */
export { headFiles } from './head-files.ts';
export { openHomes } from './homes.ts';
