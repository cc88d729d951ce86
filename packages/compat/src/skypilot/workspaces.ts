/** Who the caller is and where it works: `/users`, `/workspaces`. A workspace of the clients is a project of ours. */
import { DroverError, isAtLeast, isDroverError } from '@drover/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Body } from './body.ts';
import { askerOf, inWorkspace, type SkypilotContext } from './context.ts';
import { answerLater, askedOf } from './submit.ts';

export function workspaceRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  scope.get('/users', async (request) => {
    const { user, role = 'user' } = context.actorOf(request);
    return user ? [{ id: user.id, name: user.name, role }] : [];
  });

  scope.get('/workspaces', async (request, reply) => {
    const asked = { ...askedOf(context, request, 'workspaces.get'), onlyFor: askerOf(context, request) };
    await answerLater(context, reply, asked, () => ({
      value: Object.fromEntries(context.projectsOf(request).map(({ name }) => [name, {}])),
    }));
  });

  scope.get('/users/me/workspace', async (request) => {
    const projects = context.projectsOf(request);
    const may = (isWanted: boolean): string[] =>
      projects.filter(({ role }) => isAtLeast(role, 'user') === isWanted).map(({ name }) => name);
    return {
      ...chosenBy(context, request, Body.ofQuery(request).optionalText('requested')),
      preferred: null,
      accessible: may(true),
      read_only: may(false),
    };
  });

  scope.post('/users/me/workspace', async (request) => {
    const preferred = Body.of(request).optionalText('preferred');
    const { project } = context.actorOf(request);
    if (preferred === null || preferred === project) return { preferred };
    // Nothing is kept: what a call does not say would otherwise be made somewhere else on another day.
    throw new DroverError(
      'FORBIDDEN',
      {},
      {
        message:
          `this head keeps no preferred workspace: say "active_workspace: ${preferred.slice(0, 64)}" in ~/.sky/config.yaml ` +
          'or --workspace, or log in with a token for that project',
      },
    );
  });
}

/** Where a call would be made that names this workspace, or none. */
function chosenBy(
  context: SkypilotContext,
  request: FastifyRequest,
  requested: string | null,
): { workspace: string | null; source: string | null; note: string | null } {
  try {
    const { project } = inWorkspace(context, request, requested);
    return { workspace: project, source: requested === null ? 'default-fallback' : 'explicit', note: null };
  } catch (error) {
    if (!isDroverError(error)) throw error;
    return { workspace: null, source: null, note: error.message };
  }
}
