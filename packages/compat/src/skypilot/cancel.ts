/** `/api/cancel`: ends requests, by their ids or all of one workspace. */
import type { Actor, RequestRow } from '@drover/engine';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SkypilotContext } from './context.ts';
import { findRequest } from './find-request.ts';
import { askedOf, change } from './submit.ts';

export function cancelRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { requestCancel } = context.engine.work;

  scope.post('/api/cancel', async (request, reply) => {
    const asked = askedOf(context, request, 'api_cancel');
    const user = asked.body.optionalText('user_id');
    const ids = asked.body.texts('request_ids');
    const actor = cancellerOf(context, request, asked.actor, user);
    await change(context, reply, asked, async () => {
      if (ids === null)
        return await requestCancel.cancel(actor, { refs: null, all: true, allUsers: user === null });
      const rows: RequestRow[] = [];
      for (const ref of ids) {
        const found = await findRequest(context, request, ref);
        // What only reads ends by itself.
        if ('rev' in found) rows.push(found);
      }
      const cancelled: string[] = [];
      for (const { id, project } of rows) {
        const { role } = project === actor.project ? actor : context.within(request, project);
        const there: Actor = { ...actor, project, ...(role && { role }) };
        cancelled.push(...(await requestCancel.cancel(there, { refs: [id], all: false, allUsers: false })));
      }
      return cancelled;
    });
  });
}

/** Whose the call is, its token says; the client's own word for it counts where all share one. */
function cancellerOf(
  context: SkypilotContext,
  request: FastifyRequest,
  actor: Actor,
  claimed: string | null,
): Actor {
  if (claimed === null || context.bearerOf(request) !== null) return actor;
  return { ...actor, user: { id: claimed, name: actor.user?.name ?? claimed } };
}
