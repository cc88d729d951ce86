/** `launch` and `exec`, and what comes before them: `validate` and `optimize`. */
import { CLUSTER_NAME_RULE, DroverError, isClusterName, isDroverError } from '@drover/core';
import type { AutostopSpec, LaunchBody } from '@drover/core/wire';
import type { CallNotes } from '@drover/engine';
import type { FastifyInstance } from 'fastify';
import type { Body } from './body.ts';
import type { SkypilotContext } from './context.ts';
import { dialectOf } from './dialect.ts';
import { errorDetail, skyErrorOf } from './errors.ts';
import { errorFactOf } from './facts.ts';
import { type Asked, answerLater, askedOf, submit } from './submit.ts';
import { readTask, type Sent, taskWithFiles } from './task.ts';

const COMMAND_CHARS = 500;
const WAITS_FOR = ['jobs_and_ssh', 'jobs', 'none'] as const;

export function launchRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { engine } = context;
  const { clusters, reads } = engine.work;

  scope.post('/validate', async (request, reply) => {
    const { body } = askedOf(context, request, 'validate');
    try {
      readTask(context, body.text('dag'), dialectOf(request));
    } catch (error) {
      if (!isDroverError(error)) throw error;
      const detail = errorDetail(skyErrorOf(errorFactOf(error), 'validate'));
      return await reply.status(400).send({ detail });
    }
    return await reply.type('application/json').send('null');
  });

  scope.post('/optimize', async (request, reply) => {
    const asked = askedOf(context, request, 'optimize');
    const dialect = dialectOf(request);
    await answerLater(context, reply, asked, async () => {
      const task = readTask(context, asked.body.text('dag'), dialect);
      const { resources, numNodes } = task;
      const plan = await reads.plan(asked.actor, {
        resources,
        numNodes,
        optimize: targetOf(asked.body, 'minimize'),
      });
      if (!plan.feasible)
        throw new DroverError('RESOURCES_UNAVAILABLE', {
          rule: `nothing that is known could hold it: ${plan.whyNot.join('; ')}`,
          failoverHistory: [],
        });
      return { value: null, log: `${plan.table}\n` };
    });
  });

  scope.post('/launch', async (request, reply) => {
    const asked = askedOf(context, request, 'launch');
    const { body, actor } = asked;
    await submit(context, reply, asked, async () => {
      refuseOptions(body);
      const draft = readTask(context, body.text('task'), dialectOf(request));
      const launch: LaunchBody = {
        task: await taskWithFiles(context, draft, sentBy(asked), false),
        cluster: clusterNameOf(body),
        retryUntilUp: body.flag('retry_until_up'),
        autostop: autostopOf(body, 'idle_minutes_to_autostop'),
        down: body.flag('down'),
        dryrun: body.flag('dryrun'),
        optimize: targetOf(body, 'optimize_target'),
        noSetup: body.flag('no_setup'),
        fast: body.flag('fast'),
      };
      const notes = notesOf(body);
      return launch.dryrun
        ? await reads.dryrun(actor, launch, notes.foreign)
        : clusters.launch(actor, launch, notes);
    });
  });

  scope.post('/exec', async (request, reply) => {
    const asked = askedOf(context, request, 'exec');
    const { body, actor } = asked;
    await submit(context, reply, asked, async () => {
      refuseOptions(body);
      const name = body.text('cluster_name');
      // Before its files: what is wrong with the cluster is what the caller should hear of.
      clusters.get(actor, name);
      const draft = readTask(context, body.text('task'), dialectOf(request));
      const task = await taskWithFiles(context, draft, sentBy(asked), true);
      const exec = { task, dryrun: body.flag('dryrun'), down: body.flag('down') };
      return exec.dryrun
        ? reads.dryrunExec(actor, name, exec)
        : clusters.exec(actor, name, exec, notesOf(body));
    });
  });
}

/** Minutes as the clients say them: none, or a negative number, is no autostop. */
export function autostopOf(
  body: Body,
  key: 'idle_minutes' | 'idle_minutes_to_autostop',
): AutostopSpec | null {
  const idleMinutes = body.integer(key);
  if (idleMinutes === null || idleMinutes < 0) return null;
  const said = body.optionalText('wait_for') ?? 'jobs';
  const waitFor = WAITS_FOR.find((word) => word === said);
  if (waitFor === undefined)
    throw new DroverError('INVALID_REQUEST', { field: 'wait_for', rule: `one of ${WAITS_FOR.join(', ')}` });
  return { idleMinutes, down: body.flag('down'), waitFor };
}

/** What is written down of the call. */
export function notesOf(body: Body): CallNotes & { readonly foreign: Record<string, unknown> } {
  const command = body.optionalText('entrypoint_command');
  const foreign = {
    credentials: body.flag('include_credentials'),
    quiet: body.flag('quiet_optimizer'),
  };
  return { foreign, ...(command && { lastUse: withoutSecrets(command).slice(0, COMMAND_CHARS) }) };
}

/** Lists show the command to everybody: what a secret is stays out, up to the next option. */
const withoutSecrets = (command: string): string =>
  command.replace(/(--secret[\s=]+['"]?\w+=).*?(?=\s-|$)/gs, '$1...');

const sentBy = ({ actor, body }: Asked): Sent => ({
  user: actor.user?.id ?? actor.name,
  blob: body.optionalText('file_mounts_blob_id'),
});

/** The clients number the two; a person who writes the call by hand may name them. */
function targetOf(body: Body, key: string): 'cost' | 'time' {
  const said = body.word(key) ?? 'cost';
  return said === '1' || said === 'time' ? 'time' : 'cost';
}

function clusterNameOf(body: Body): string | null {
  const name = body.optionalText('cluster_name');
  if (name !== null && !isClusterName(name))
    throw new DroverError('CLUSTER_NAME_INVALID', { name, rule: CLUSTER_NAME_RULE });
  return name;
}

/** Options that would be asked in vain. */
function refuseOptions(body: Body): void {
  const refuse = (rule: string): never => {
    throw new DroverError('NOT_SUPPORTED', { rule });
  };
  const backend = body.optionalText('backend');
  if (backend !== null && backend !== 'cloudvmray')
    refuse(`the backend ${backend} is not there: leave it out`);
  if (body.optionalText('clone_disk_from') !== null) refuse('disks of other clusters cannot be cloned');
  if (body.flag('resize')) refuse('a cluster cannot be resized: tear it down and launch it anew');
}
