/** PyLet's `/workers`, as far as clients use it. Real PyLet workers are not served. */
import type { FastifyInstance } from 'fastify';
import type { PyletContext } from './context.ts';
import { Refusal } from './errors.ts';
import { viewPyletWorker } from './view.ts';

const NO_PYLET_WORKERS = 'PyLet workers cannot join this head: start a worker with "drover worker"';

export function workerRoutes(scope: FastifyInstance, { engine, actorOf }: PyletContext): void {
  scope.get('/workers', async () =>
    (await engine.workers.list()).map((row) => viewPyletWorker(engine.views.worker(row))),
  );

  const exact = async (id: string) => {
    const row = engine.state.tables.workers.get(id);
    if (!row) throw new Refusal(404, 'Worker not found');
    await engine.state.durable(row.rev);
    return row;
  };
  scope.get('/workers/:id', async (request) =>
    viewPyletWorker(engine.views.worker(await exact((request.params as { id: string }).id))),
  );

  scope.delete('/workers/:id', async (request, reply) => {
    const row = await exact((request.params as { id: string }).id);
    if (row.status !== 'OFFLINE')
      throw new Refusal(
        400,
        `Cannot delete worker in ${row.status} state; only OFFLINE workers can be deleted`,
      );
    engine.workers.delete(actorOf(request), row.id);
    await engine.state.durable();
    return reply.status(204).send();
  });

  scope.delete('/workers', async (request) => {
    const count = engine.workers.deleteAllOffline(actorOf(request));
    await engine.state.durable();
    return { deleted_count: count };
  });

  for (const path of ['/workers', '/workers/:id/heartbeat', '/workers/:id/unregister']) {
    scope.post(path, async () => {
      throw new Refusal(400, NO_PYLET_WORKERS);
    });
  }
}
