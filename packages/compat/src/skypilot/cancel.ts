/** `/api/cancel`: ends requests, by their ids or all of one workspace. */
import { type DroverError, invalid, isDroverError } from '@drover/core';
import type { Actor, RequestRow } from '@drover/engine';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Body } from './body.ts';
import type { SkypilotContext } from './context.ts';
import { findRequest } from './find-request.ts';
import { askedOf, change } from './submit.ts';

/** Each is looked for among all that there are. */
const MOST_IDS = 1_000;

export function cancelRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { requestCancel } = context.engine.work;

  scope.post('/api/cancel', async (request, reply) => {
    const body = Body.of(request);
    const user = body.optionalText('user_id');
    const ids = body.texts('request_ids');
    const found = await foundBy(context, request, ids ?? []);
    // Who names a request by its id names no workspace: that of the first is where this is written down.
    const [first] = 'rows' in found ? found.rows : [];
    const asked = askedOf(context, request, 'api_cancel', first?.project);
    const actor = cancellerOf(context, request, asked.actor, user);
    await change(context, reply, asked, async () => {
      if ('error' in found) throw found.error;
      if (ids === null)
        return await requestCancel.cancel(actor, { refs: null, all: true, allUsers: user === null });
      // Whether the caller may, in all of their projects, before any of them is cancelled.
      const wishes = found.rows.map(({ id, project }) => {
        const { role } = context.within(request, project);
        const there: Actor = { ...actor, project, ...(role && { role }) };
        return { id, there };
      });
      const cancelled: string[] = [];
      for (const { id, there } of wishes)
        cancelled.push(...(await requestCancel.cancel(there, { refs: [id], all: false, allUsers: false })));
      return cancelled;
    });
  });
}

/** What only reads is left out: it ends by itself. */
async function foundBy(
  context: SkypilotContext,
  request: FastifyRequest,
  ids: readonly string[],
): Promise<{ readonly rows: RequestRow[] } | { readonly error: DroverError }> {
  if (ids.length > MOST_IDS) throw invalid('request_ids', `at most ${MOST_IDS}`);
  const rows: RequestRow[] = [];
  try {
    for (const ref of ids) {
      const found = await findRequest(context, request, ref);
      if ('rev' in found) rows.push(found);
    }
  } catch (error) {
    if (!isDroverError(error)) throw error;
    return { error };
  }
  return { rows };
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
