/** `GET /readyz`: whether this head should be sent calls. It says nothing that needs a token. */
import { DroverError } from '@drover/core';
import { z } from 'zod';
import type { App, RouteContext } from '../http/app.ts';

export function readyRoute(app: App, { engine, onStop }: RouteContext): void {
  let stopping = false;
  onStop(() => {
    stopping = true;
  });
  app.get(
    '/readyz',
    {
      exposeHeadRoute: true,
      config: { access: 'none' },
      schema: {
        operationId: 'headReadyz',
        summary: 'The head takes writes',
        errors: ['STORE_FULL', 'SHUTTING_DOWN'],
        response: { 200: z.object({ status: z.literal('ready') }) },
      },
    },
    async () => {
      if (stopping) throw new DroverError('SHUTTING_DOWN');
      // Why the store refuses can name folders and machines: that is for who has a token.
      if (engine.state.stalled !== null)
        throw new DroverError('STORE_FULL', {}, { message: 'the head cannot write its state' });
      return { status: 'ready' as const };
    },
  );
}
