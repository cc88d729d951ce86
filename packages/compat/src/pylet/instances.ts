/** PyLet's `/instances` on our engine. */
import { isFinal } from '@drover/core';
import type { InstanceRow } from '@drover/engine';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { PyletContext } from './context.ts';
import { Refusal } from './errors.ts';
import { finder, holderOf, listAll } from './find.ts';
import { lastOnes, parseSubmit } from './parse.ts';
import { toInput } from './submit.ts';
import { endpointOf, exitCodeOf, failureReasonOf, viewPyletInstance } from './view.ts';

export function instanceRoutes(scope: FastifyInstance, context: PyletContext): void {
  const { engine, actorOf } = context;
  const find = finder(context);
  const isKnownWorker = (id: string): boolean => engine.state.tables.workers.get(id) !== undefined;
  const view = (row: InstanceRow): Record<string, unknown> =>
    viewPyletInstance(row, engine.views.instance(row), isKnownWorker);

  scope.post('/instances', async (request) => {
    const submit = parseSubmit(request.body);
    const options = { accounting: context.accounting, nameScope: 'stored' as const };
    const actor = actorOf(request);
    if (submit.targetWorker !== null && !engine.state.tables.workers.get(submit.targetWorker))
      throw new Refusal(400, `Target worker '${submit.targetWorker}' not found`);
    const input = toInput(submit);
    if (input.name != null && (await holderOf(context, actor, input.name)))
      throw new Refusal(400, `Instance name '${input.name}' is already in use`);
    const row = engine.instances.submit(actor, input, options);
    await engine.state.durable(row.rev);
    return { instance_id: row.id };
  });

  scope.get('/instances', async (request) => {
    const query = lastOnes(request.query as Record<string, unknown>);
    const rows = await listAll(context, actorOf(request), query.status, query.label);
    const views = engine.views.instances(rows);
    return rows.map((row, at) => viewPyletInstance(row, views[at] as (typeof views)[number], isKnownWorker));
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

function mustHaveEndpoint(row: InstanceRow): string {
  const endpoint = endpointOf(row);
  if (endpoint === null) throw new Refusal(404, 'Instance endpoint not available yet');
  return endpoint;
}
