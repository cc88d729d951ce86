/** PyLet's `/instances` on our engine. */
import { INSTANCE_STATUSES, type InstanceStatus, isFinal, NAME_RULE, parseName } from '@drover/core';
import { type InstanceSubmit, instanceSubmit } from '@drover/core/wire';
import type { Actor, InstanceRow } from '@drover/engine';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Refusal } from './errors.ts';
import { lastOnes, type PyletSubmit, parseSubmit } from './parse.ts';
import type { PyletContext } from './register.ts';
import { endpointOf, exitCodeOf, failureReasonOf, viewPyletInstance } from './view.ts';

const PAGE = 1000;
type Params = { id: string; name: string };

export function instanceRoutes(scope: FastifyInstance, context: PyletContext): void {
  const { engine, actorOf } = context;
  const find = finder(context);
  const view = (row: InstanceRow): Record<string, unknown> =>
    viewPyletInstance(row, engine.viewInstance(row));

  scope.post('/instances', async (request) => {
    const submit = parseSubmit(request.body);
    const options = { accounting: context.accounting, nameScope: 'stored' as const };
    const actor = actorOf(request);
    if (submit.targetWorker !== null && !engine.state.tables.workers.get(submit.targetWorker))
      throw new Refusal(400, `Target worker '${submit.targetWorker}' not found`);
    const input = toInput(submit);
    if (input.name != null && (await storedName(context, actor, input.name)))
      throw new Refusal(400, `Instance name '${input.name}' is already in use`);
    const row = engine.instances.submit(actor, input, options);
    await engine.state.durable(row.rev);
    return { instance_id: row.id };
  });

  scope.get('/instances', async (request) => {
    const query = lastOnes(request.query as Record<string, unknown>);
    const rows = await listAll(context, actorOf(request), query['status'], query['label']);
    const views = engine.viewInstances(rows);
    return rows.map((row, at) => viewPyletInstance(row, views[at] as (typeof views)[number]));
  });

  scope.get('/instances/by-name/:name', async (request) => view(await find.named(request)));
  scope.get('/instances/by-name/:name/endpoint', async (request) => ({
    endpoint: mustHaveEndpoint(await find.named(request)),
  }));
  scope.get('/instances/:id', async (request) => view(await find.byId(request)));
  scope.get('/instances/:id/endpoint', async (request) => ({
    endpoint: mustHaveEndpoint(await find.byId(request)),
  }));

  scope.get('/instances/:id/result', async (request, reply) => {
    const row = await find.byId(request);
    if (row.status === 'COMPLETED') return { result: { exit_code: exitCodeOf(row) } };
    if (row.status === 'FAILED')
      return { error: { exit_code: exitCodeOf(row), failure_reason: failureReasonOf(row) } };
    if (row.status === 'CANCELLED') return { cancelled: true };
    return reply.status(202).send({ detail: `Instance is ${row.status}` });
  });

  scope.post('/instances/:id/cancel', async (request) => {
    const row = await find.byId(request);
    if (isFinal(row.status)) throw new Refusal(400, `Instance is already in terminal state: ${row.status}`);
    const status = row.cancel ? 'already_cancelling' : 'cancelling';
    const after = engine.instances.cancel(actorOf(request), row.id);
    await engine.state.durable(after.rev);
    return { status, instance_id: row.id };
  });

  scope.delete('/instances', async (request) => {
    const actor = actorOf(request);
    const { status } = lastOnes(request.query as Record<string, unknown>);
    const rows = await listAll(context, actor, status, undefined);
    for (const row of rows) admit(context, row);
    const count = engine.instances.deleteMany(
      actor,
      rows.map((row) => row.id),
    );
    await engine.state.durable();
    return { deleted_count: count };
  });

  const remove = async (request: FastifyRequest, row: InstanceRow): Promise<void> => {
    admit(context, row);
    engine.instances.delete(actorOf(request), row.id);
    await engine.state.durable();
  };
  scope.delete('/instances/by-name/:name', async (request, reply) => {
    await remove(request, await find.named(request));
    return reply.status(204).send();
  });
  scope.delete('/instances/:id', async (request, reply) => {
    await remove(request, await find.byId(request));
    return reply.status(204).send();
  });
}

/** Ended ones that memory has let go come back to be deleted. */
function admit({ engine }: PyletContext, row: InstanceRow): void {
  if (!engine.state.tables.instances.get(row.id)) engine.state.admit('instances', row);
}

/** What is being deleted is gone for PyLet's clients at once, though its processes may take their time. */
function visible(row: InstanceRow | null, actor: Actor): InstanceRow {
  if (!row || row.deleting !== null || row.project !== actor.project)
    throw new Refusal(404, 'Instance not found');
  return row;
}

/** Finds the instance that a request's path names. @throws {Refusal} 404 */
export function finder({ engine, actorOf }: PyletContext) {
  return {
    async byId(request: FastifyRequest): Promise<InstanceRow> {
      return visible(await engine.reads.find((request.params as Params).id), actorOf(request));
    },
    async named(request: FastifyRequest): Promise<InstanceRow> {
      const actor = actorOf(request);
      const { name } = request.params as Params;
      const row = await engine.reads.byName(actor, name);
      if (row && row.deleting === null) return visible(row, actor);
      return visible(unnamed([...engine.state.tables.instances.all()], name), actor);
    },
  };
}

/** An instance without a name answers to the first eight characters of its id. */
const unnamed = (rows: readonly InstanceRow[], name: string): InstanceRow | null =>
  name.length === 8
    ? (rows.find((row) => row.name === null && row.deleting === null && row.id.startsWith(name)) ?? null)
    : null;

function mustHaveEndpoint(row: InstanceRow): string {
  const endpoint = endpointOf(row);
  if (endpoint === null) throw new Refusal(404, 'Endpoint not available');
  return endpoint;
}

/** A name stays taken until its record is deleted, ended or not. */
async function storedName({ engine }: PyletContext, actor: Actor, name: string): Promise<boolean> {
  const row = await engine.reads.byName(actor, name);
  return row !== null && row.deleting === null;
}

async function listAll(
  { engine }: PyletContext,
  actor: Actor,
  status: unknown,
  label: unknown,
): Promise<InstanceRow[]> {
  if (status !== undefined && !INSTANCE_STATUSES.includes(status as InstanceStatus)) return [];
  const rows: InstanceRow[] = [];
  const pair = typeof label === 'string' && label.indexOf('=') > 0 ? label : undefined;
  let cursor: string | null = null;
  do {
    const page: { rows: InstanceRow[]; nextCursor: string | null } = await engine.reads.list(actor, {
      limit: PAGE,
      ...(status !== undefined && { status: status as InstanceStatus }),
      ...(pair !== undefined && { label: pair }),
      ...(cursor !== null && { cursor }),
    });
    for (const row of page.rows) if (row.deleting === null) rows.push(row);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return rows;
}

/** @throws {Refusal} 400, saying which field breaks which rule of ours */
function toInput(submit: PyletSubmit): InstanceSubmit {
  const name = submit.name === null || submit.name === '' ? null : parseName(submit.name);
  if (submit.name && name === null) throw new Refusal(400, `name: ${NAME_RULE}`);
  if (submit.gpuIndices !== null && submit.gpuIndices.length > 0 && submit.targetWorker === null)
    throw new Refusal(400, 'gpu_indices requires target_worker');
  if (submit.venv !== null && !submit.venv.startsWith('/'))
    throw new Refusal(400, 'venv must be an absolute path');
  // An empty list of indices means no GPU, whatever gpu_units says; an empty command runs and ends with 0.
  const noGpus = submit.gpuIndices !== null && submit.gpuIndices.length === 0;
  const parsed = instanceSubmit.safeParse({
    command: submit.command.trim() === '' ? 'true' : submit.command,
    name,
    resources: { cpu: submit.cpuCores, memoryMiB: submit.memoryMb, gpus: noGpus ? 0 : submit.gpuUnits },
    gpuIndices: noGpus ? null : submit.gpuIndices,
    exclusive: submit.exclusive,
    targetWorker: submit.targetWorker,
    labels: submit.labels,
    env: submit.env,
    venv: submit.venv,
  });
  if (parsed.success) return { ...parsed.data, command: submit.command };
  const issue = parsed.error.issues[0];
  throw new Refusal(
    400,
    `${issue?.path.map((key) => PYLET_WORDS[String(key)] ?? String(key)).join('.') ?? 'body'}: ${issue?.message ?? 'invalid'}`,
  );
}

/** Our field names in PyLet's words. */
const PYLET_WORDS: Readonly<Record<string, string>> = {
  resources: 'resource_requirements',
  cpu: 'cpu_cores',
  memoryMiB: 'memory_mb',
  gpus: 'gpu_units',
  gpuIndices: 'gpu_indices',
  targetWorker: 'target_worker',
};
