/** The functions of the seed that make, change and list clusters. Each gives the id of its request. */
import { CLUSTER_NAME_RULE, DroverError, invalid, isClusterName } from '@drover/core';
import type { Dag } from '../../task/dag.ts';
import { execTask, launchTask } from '../../task/launch.ts';
import type { Task } from '../../task/task.ts';
import { OptimizeTarget, StatusRefreshMode } from './enums.ts';
import { assertOwner } from './owner.ts';
import type { ClusterHandle, ClusterRecord } from './records.ts';
import { asRequest, type RequestId, refuse } from './request-id.ts';

/** The number of the job, null when nothing was to run; and the cluster, null after a dry run. */
export type Launched = [jobId: number | null, handle: ClusterHandle | null];

const BACKEND = 'there is one way to run a task, and no other to choose';
const CONFIRM = 'a program asks by itself; "drover launch" asks on a terminal';
const CONTROLLERS = 'managed jobs and services are not there yet';

/** What {@link launch} takes besides the task. null is the same as absent. */
export interface LaunchOptions {
  /** Made or used again; absent: a name is made. */
  clusterName?: string | null | undefined;
  retryUntilUp?: boolean | undefined;
  /** Minutes without a job after which it is stopped. */
  idleMinutesToAutostop?: number | null | undefined;
  dryrun?: boolean | undefined;
  /** Torn down when all jobs have ended, or after the idle minutes. */
  down?: boolean | undefined;
  /** Refused. */
  backend?: unknown;
  optimizeTarget?: OptimizeTarget | undefined;
  noSetup?: boolean | undefined;
  /** Refused: homes are not disks that can be cloned. */
  cloneDiskFrom?: string | null | undefined;
  /** On a cluster that is UP, neither nodes nor setup are looked at. */
  fast?: boolean | undefined;
  /** Refused, as all that follows. */
  _needConfirmation?: boolean | undefined;
  _isLaunchedByJobsController?: boolean | undefined;
  _isLaunchedBySkyServeController?: boolean | undefined;
  _disableControllerCheck?: boolean | undefined;
}

/**
 * Nodes, files, setup, then the job. A task whose `run` is a function is launched in two steps, the second by this
 * process: the call then returns when the nodes are there.
 * @returns its request, which throws InvalidClusterNameError, ResourcesMismatchError, ResourcesUnavailableError,
 * ClusterOwnerIdentityMismatchError, NotSupportedError, CommandError, NoCloudAccessError, ValueError
 */
export async function launch(
  task: Task | Dag,
  {
    clusterName = null,
    retryUntilUp = false,
    idleMinutesToAutostop = null,
    dryrun = false,
    down = false,
    backend = null,
    optimizeTarget = OptimizeTarget.COST,
    noSetup = false,
    cloneDiskFrom = null,
    fast = false,
    _needConfirmation = false,
    _isLaunchedByJobsController = false,
    _isLaunchedBySkyServeController = false,
    _disableControllerCheck = false,
  }: LaunchOptions = {},
): Promise<RequestId<Launched>> {
  return await asRequest('launch', clusterName, async (client) => {
    refuse({
      backend: [backend, BACKEND],
      cloneDiskFrom: [cloneDiskFrom, 'the home of a node is a folder of its worker, and is not cloned'],
      _needConfirmation: [_needConfirmation, CONFIRM],
      _isLaunchedByJobsController: [_isLaunchedByJobsController, CONTROLLERS],
      _isLaunchedBySkyServeController: [_isLaunchedBySkyServeController, CONTROLLERS],
      _disableControllerCheck: [_disableControllerCheck, CONTROLLERS],
    });
    if (clusterName !== null) {
      if (!isClusterName(clusterName))
        throw new DroverError('CLUSTER_NAME_INVALID', { name: clusterName, rule: CLUSTER_NAME_RULE });
      await assertOwner(client, clusterName, { isOptional: true });
    }
    const idleMinutes = idleMinutesOf('idleMinutesToAutostop', idleMinutesToAutostop);
    return await launchTask(client, task, {
      cluster: clusterName,
      retryUntilUp,
      autostop: idleMinutes === null ? null : { idleMinutes, down },
      dryrun,
      down,
      optimize: optimizeOf(optimizeTarget),
      noSetup,
      fast,
      command: 'sky.launch',
    });
  });
}

/** What {@link exec} takes besides the task. */
export interface ExecOptions {
  /** Needed. */
  clusterName?: string | null | undefined;
  dryrun?: boolean | undefined;
  /** The cluster is torn down when all jobs have ended. */
  down?: boolean | undefined;
  /** Refused. */
  backend?: unknown;
}

/** Working directory and run only, on a cluster that is UP. @returns its request, which throws ClusterDoesNotExist, ValueError */
export async function exec(
  task: Task | Dag,
  { clusterName = null, dryrun = false, down = false, backend = null }: ExecOptions = {},
): Promise<RequestId<Launched>> {
  return await asRequest('exec', clusterName, async (client) => {
    refuse({ backend: [backend, BACKEND] });
    if (clusterName === null) throw invalid('clusterName', 'exec needs the name of a cluster that is UP');
    return await execTask(client, clusterName, task, { dryrun, down, command: 'sky.exec' });
  });
}

/** Ends what runs; the homes of the nodes stay. @returns its request, which throws ClusterDoesNotExist, NotSupportedError (spot), RuntimeError */
export async function stop(
  clusterName: string,
  { purge = false }: { purge?: boolean | undefined } = {},
): Promise<RequestId<null>> {
  return await asRequest('stop', clusterName, (client) =>
    client.clusters.stop(clusterName, { purge, command: 'sky.stop' }),
  );
}

/** What {@link start} takes besides the name. */
export interface StartOptions {
  idleMinutesToAutostop?: number | null | undefined;
  retryUntilUp?: boolean | undefined;
  /** Torn down instead of stopped after the idle minutes, which it needs. */
  down?: boolean | undefined;
  force?: boolean | undefined;
}

/**
 * Starts it again where it was; nothing to do when it is UP.
 * @returns its request, which throws ValueError, ClusterDoesNotExist, ClusterOwnerIdentityMismatchError,
 * ResourcesUnavailableError
 */
export async function start(
  clusterName: string,
  { idleMinutesToAutostop = null, retryUntilUp = false, down = false, force = false }: StartOptions = {},
): Promise<RequestId<null>> {
  return await asRequest('start', clusterName, async (client) => {
    const idleMinutes = idleMinutesOf('idleMinutesToAutostop', idleMinutesToAutostop);
    if (down && idleMinutes === null) throw invalid('down', 'needs idleMinutesToAutostop');
    await assertOwner(client, clusterName);
    const autostop = idleMinutes === null ? null : { idleMinutes, down };
    const body = { autostop, retryUntilUp, force };
    return await client.clusters.start(clusterName, body, { command: 'sky.start' });
  });
}

/** Ends it and removes all that it left. @returns its request, which throws ClusterDoesNotExist, RuntimeError */
export async function down(
  clusterName: string,
  { purge = false }: { purge?: boolean | undefined } = {},
): Promise<RequestId<null>> {
  return await asRequest('down', clusterName, (client) =>
    client.clusters.down(clusterName, { purge, command: 'sky.down' }),
  );
}

/** What {@link status} takes. */
export interface StatusOptions {
  /** Absent: all. Names that do not exist are left out. */
  clusterNames?: readonly string[] | null | undefined;
  refresh?: StatusRefreshMode | undefined;
  /** Those of other users too. */
  allUsers?: boolean | undefined;
}

/** @returns its request, which gives a record for each cluster */
export async function status({
  clusterNames = null,
  refresh = StatusRefreshMode.NONE,
  allUsers = false,
}: StatusOptions = {}): Promise<RequestId<ClusterRecord[]>> {
  return await asRequest('status', null, async (client) => {
    const modes = { NONE: 'none', AUTO: 'auto', FORCE: 'force' } as const;
    if (!Object.hasOwn(modes, refresh)) throw invalid('refresh', 'NONE, AUTO or FORCE', refresh);
    const filter = { names: clusterNames ?? undefined, refresh: modes[refresh], allUsers };
    return { result: await client.clusters.list(filter) };
  });
}

/**
 * Stops it, or tears it down, after so many minutes without a job; a negative number cancels what is set.
 * @returns its request, which throws ClusterDoesNotExist, ClusterNotUpError, NotSupportedError (spot),
 * ClusterOwnerIdentityMismatchError
 */
export async function autostop(
  clusterName: string,
  idleMinutes: number,
  { down = false }: { down?: boolean | undefined } = {},
): Promise<RequestId<null>> {
  return await asRequest('autostop', clusterName, async (client) => {
    if (typeof idleMinutes !== 'number' || Number.isNaN(idleMinutes))
      throw invalid('idleMinutes', 'a number of minutes', idleMinutes);
    await assertOwner(client, clusterName);
    await client.clusters.autostop(clusterName, idleMinutes < 0 ? null : { idleMinutes, down });
    return { result: null };
  });
}

function idleMinutesOf(field: string, minutes: number | null): number | null {
  if (minutes === null || minutes >= 0) return minutes;
  throw invalid(field, 'not negative; autostop(name, -1) cancels what is set', minutes);
}

function optimizeOf(target: OptimizeTarget): 'cost' | 'time' {
  if (target === OptimizeTarget.COST) return 'cost';
  if (target === OptimizeTarget.TIME) return 'time';
  throw invalid('optimizeTarget', 'COST or TIME', target);
}
