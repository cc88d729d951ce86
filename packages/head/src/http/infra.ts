/** `/v1/infra` and `/v1/machines`. */

import { DroverError } from '@drover/core';
import {
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
const nameParams = z.object({ kind: z.string().max(100), name: z.string().max(100) });
const kindParams = nameParams.omit({ name: true });

export function infraRoutes(app: App, { engine, actorOf }: RouteContext): void {
  const find = (infra: string) => {
    const view = engine.viewInfra().find((each) => each.name === infra);
    if (!view)
      throw new DroverError('INFRA_NOT_FOUND', { ref: infra, known: engine.infra.names().join(', ') });
    return view;
  };
  const change = async (verb: 'up' | 'down', infra: string, actor: ReturnType<typeof actorOf>) => {
    engine.state.assertWritable();
    engine.infra.mustKnow(infra);
    await engine.infra.refresh(infra, { force: true });
    engine.state.transact(actor, (tx) =>
      verb === 'up' ? engine.infra.ensure(tx, infra) : engine.infra.down(tx, infra),
    );
    await engine.state.durable();
    return find(infra);
  };

  app.get(
    '/v1/infra',
    {
      schema: {
        summary: 'Where machines come from: types, prices, what is available, and what is wrong',
        querystring: infraListQuery,
        response: { 200: infraPage },
      },
    },
    async (request) => {
      await engine.infra.refresh(undefined, { force: request.query.refresh === true });
      await engine.state.durableUnlessStalled(engine.state.rev);
      return { items: engine.viewInfra() };
    },
  );

  for (const verb of ['up', 'down'] as const) {
    const summary =
      verb === 'up'
        ? 'Start the machines of a shared infra (local, ssh)'
        : 'End the machines of a shared infra, and what runs there';
    app.post(
      `/v1/infra/:kind/${verb}`,
      { schema: { summary, params: kindParams, response: { 200: infraView } } },
      async (request) => await change(verb, request.params.kind, actorOf(request)),
    );
    app.post(
      `/v1/infra/:kind/:name/${verb}`,
      { schema: { summary, params: nameParams, response: { 200: infraView } } },
      async (request) =>
        await change(verb, `${request.params.kind}/${request.params.name}`, actorOf(request)),
    );
  }

  app.get(
    '/v1/ssh-access',
    {
      schema: {
        summary: 'How the sshd of hosts are reached, where there are any',
        response: { 200: sshAccessPage },
      },
    },
    async () => ({ items: await engine.infra.sshAccess() }),
  );

  app.get(
    '/v1/machines',
    {
      schema: {
        summary: 'Machines that were asked for, with what they cost',
        querystring: machineListQuery,
        response: { 200: machinePage },
      },
    },
    async (request) => {
      const rows = await engine.machines.list(actorOf(request));
      const shown = request.query.all ? rows : rows.filter((row) => row.status !== 'GONE');
      return { items: shown.map((row) => engine.viewMachine(row)) };
    },
  );
}
