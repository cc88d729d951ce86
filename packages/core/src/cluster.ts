/**
 * The cluster machine: a gang of nodes on one infra.
 *
 * - INIT: wanted, and not all of it is there: nodes are being found or prepared, preparing failed, a launch was
 *   cancelled, or a node is not heard of. The row's reason says which, and what to do.
 * - UP: every node is there and prepared; jobs run.
 * - STOPPED: nothing runs and nothing is held; each node's home is kept where it was.
 * - TERMINATED: gone; only its history is left, for the cost report. Final; its name is free.
 *
 * One writer: the engine's cluster controller and service.
 */
import { step, type TransitionTable } from './transitions.ts';

export const CLUSTER_STATUSES = ['INIT', 'UP', 'STOPPED', 'TERMINATED'] as const;
export type ClusterStatus = (typeof CLUSTER_STATUSES)[number];

/** begin: a launch or a start finds it not UP. ready: all nodes are prepared. degrade: a node is not heard of. */
export type ClusterEvent = 'begin' | 'ready' | 'degrade' | 'stop' | 'terminate';

export const CLUSTER_TABLE: TransitionTable<ClusterStatus, ClusterEvent> = {
  INIT: { begin: 'INIT', ready: 'UP', degrade: 'INIT', stop: 'STOPPED', terminate: 'TERMINATED' },
  UP: { begin: 'INIT', ready: 'UP', degrade: 'INIT', stop: 'STOPPED', terminate: 'TERMINATED' },
  STOPPED: { begin: 'INIT', ready: null, degrade: null, stop: 'STOPPED', terminate: 'TERMINATED' },
  TERMINATED: { begin: null, ready: null, degrade: null, stop: null, terminate: null },
};

/** @throws {IllegalTransition} */
export const nextClusterStatus = (from: ClusterStatus, event: ClusterEvent): ClusterStatus =>
  step('cluster', CLUSTER_TABLE, from, event);

/** What a person wants of a cluster. */
export type ClusterDesire = 'UP' | 'STOPPED' | 'GONE';

const CLUSTER_NAME = /^[A-Za-z](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
export const CLUSTER_NAME_RULE =
  '1 to 63 ASCII letters, digits and . _ -, the first a letter, the last a letter or digit';

/** Cluster names become host names of an ssh configuration, so they are narrower than other names. */
export const isClusterName = (text: string): boolean => CLUSTER_NAME.test(text);
