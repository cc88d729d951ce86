/** `/v1/infra` and `/v1/machines`. */

import { DroverError } from '@drover/core';
import {
  infraDownQuery,
  infraListQuery,
  infraPage,
  infraView,
  machineListQuery,
  machinePage,
  sshAccessPage,
} from '@drover/core/wire';
import { z } from 'zod';
import type { App, RouteContext } from './app.ts';

/** Names have a slash (`ssh/lab`), or none (`local`). */
const nameParams = z.object({
  kind: z.string().max(100).describe('`local`, or what stands before the slash: `ssh`.'),
  name: z.string().max(100).describe('What stands after the slash.'),
});
const kindParams = nameParams.omit({ name: true });
const infraNames =
  'An infra is `local`, or a kind and a name with a slash between: `ssh/lab`, `pool/default`. What clusters use is not ended.';
const infraErrors = ['INFRA_NOT_FOUND', 'INFRA_IN_USE', 'NOT_SUPPORTED'] as const;
const nameOf = ({ kind, name }: z.output<typeof nameParams>): string => `${kind}/${name}`;

export function infraRoutes(app: App, { engine, actorOf }: RouteContext): void {
  const find = (infra: string) => {
    const view = engine.views.infra().find((each) => each.name === infra);
    if (!view)
      throw new DroverError('INFRA_NOT_FOUND', { ref: infra, known: engine.infra.names().join(', ') });
    return view;
  };
  const change = async (
    verb: 'up' | 'down',
    infra: string,
    actor: ReturnType<typeof actorOf>,
    keep = false,
  ) => {
    engine.state.assertWritable();
    engine.infra.mustKnow(infra);
    await engine.infra.refresh(infra, { force: true });
    engine.state.transact(actor, (tx) =>
      verb === 'up' ? engine.infra.ensure(tx, infra) : engine.infra.down(tx, infra, keep),
    );
    await engine.state.durable();
    return find(infra);
  };

  app.get(
    '/v1/infra',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'infraList',
        summary: 'Where machines come from: types, prices, what is available, and what is wrong',
        querystring: infraListQuery,
        response: { 200: infraPage },
      },
    },
    async (request) => {
      await engine.infra.refresh(undefined, { force: request.query.refresh === true });
      await engine.state.durableUnlessStalled(engine.state.rev);
      return { items: engine.views.infra() };
    },
  );

  const upSchema = {
    description: infraNames,
    errors: infraErrors,
    summary: 'Start the machines of a shared infra (local, ssh)',
    response: { 200: infraView },
  };
  app.post(
    '/v1/infra/:kind/up',
    {
      config: { access: 'admin' },
      schema: { operationId: 'infraUp', ...upSchema, params: kindParams },
    },
    async (request) => await change('up', request.params.kind, actorOf(request)),
  );
  app.post(
    '/v1/infra/:kind/:name/up',
    {
      config: { access: 'admin' },
      schema: { operationId: 'infraUpNamed', ...upSchema, params: nameParams },
    },
    async (request) => await change('up', nameOf(request.params), actorOf(request)),
  );

  const downSchema = {
    description: infraNames,
    errors: infraErrors,
    summary: 'End the machines of a shared infra, and what runs there; keep= only stops them',
    querystring: infraDownQuery,
    response: { 200: infraView },
  };
  app.post(
    '/v1/infra/:kind/down',
    {
      config: { access: 'admin' },
      schema: { operationId: 'infraDown', ...downSchema, params: kindParams },
    },
    async (request) => await change('down', request.params.kind, actorOf(request), request.query.keep),
  );
  app.post(
    '/v1/infra/:kind/:name/down',
    {
      config: { access: 'admin' },
      schema: { operationId: 'infraDownNamed', ...downSchema, params: nameParams },
    },
    async (request) => await change('down', nameOf(request.params), actorOf(request), request.query.keep),
  );

  app.get(
    '/v1/ssh-access',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'infraSshAccess',
        summary: 'How the sshd of hosts are reached, where there are any',
        response: { 200: sshAccessPage },
      },
    },
    async () => ({ items: await engine.infra.sshAccess() }),
  );

  app.get(
    '/v1/machines',
    {
      config: { access: 'viewer' },
      schema: {
        operationId: 'machinesList',
        summary: 'Machines that were asked for, with what they cost',
        querystring: machineListQuery,
        response: { 200: machinePage },
      },
    },
    async (request) => {
      const rows = await engine.machines.list(actorOf(request));
      const shown = request.query.all ? rows : rows.filter((row) => row.status !== 'GONE');
      return { items: shown.map((row) => engine.views.machine(row)) };
    },
  );
}
