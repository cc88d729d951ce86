/** Node only: finds the head that is meant, and starts heads, workers and whole clusters on this machine. */
export { type ClusterWorker, LocalCluster, type LocalClusterOptions, localCluster } from './cluster.ts';
export { changeConfigFile, configPath, useContext } from './config-file.ts';
export { defaultStateDir, type FindHeadOptions, type FoundHead, findHead } from './find-head.ts';
export { pinnedFetch, readCa } from './pinned-fetch.ts';
export { LocalHead, LocalWorker, type StartOptions, start } from './start.ts';
