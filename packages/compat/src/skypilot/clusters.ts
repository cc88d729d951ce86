/** Routes about clusters that are there: `status`, `start`, `stop`, `down`, `autostop`, `endpoints`, `cost_report`. */
import { DroverError } from '@drover/core';
import type { Actor } from '@drover/engine';
import type { FastifyInstance } from 'fastify';
import type { Answer } from './calls.ts';
import type { SkypilotContext } from './context.ts';
import { type Dialect, dialectOf } from './dialect.ts';
import { autostopOf, notesOf } from './launch.ts';
import { namedBy } from './named-by.ts';
import { viewCost, viewRecord } from './records.ts';
import { answerLater, askedOf, change, submit } from './submit.ts';

const ALL_DAYS = 0;
const DEFAULT_DAYS = 30;

export function clusterRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { engine } = context;
  const { clusters, reads } = engine.work;

  scope.post('/status', async (request, reply) => {
    const asked = askedOf(context, request, 'status');
    const { body, actor } = asked;
    const names = body.texts('cluster_names');
    const refresh = (body.optionalText('refresh') ?? 'NONE').toLowerCase();
    const allUsers = body.flag('all_users', true);
    const form = { dialect: dialectOf(request), withHandle: body.flag('include_handle', true) };
    await answerLater(context, reply, asked, async () => {
      // Whoever names clusters means these, whosever they are.
      const views = await reads.list(actor, { names: null, refresh, allUsers: allUsers || names !== null });
      const isNamed = namedBy(names);
      const known = engine.infra.names();
      const chosen = views.filter(({ name }) => isNamed(name));
      return { value: chosen.map((view) => viewRecord(view, known, form)) };
    });
  });

  scope.post('/start', async (request, reply) => {
    const asked = askedOf(context, request, 'start');
    const { body, actor } = asked;
    await submit(context, reply, asked, () => {
      const autostop = autostopOf(body, 'idle_minutes_to_autostop');
      if (body.flag('down') && autostop === null)
        throw new DroverError('INVALID_REQUEST', {
          field: 'down',
          rule: 'idle_minutes_to_autostop must be set as well',
        });
      const start = { autostop, retryUntilUp: body.flag('retry_until_up'), force: body.flag('force') };
      return clusters.start(actor, body.text('cluster_name'), start, notesOf(body));
    });
  });

  for (const verb of ['stop', 'down'] as const) {
    scope.post(`/${verb}`, async (request, reply) => {
      const asked = askedOf(context, request, verb);
      const { body, actor } = asked;
      // `graceful` waits for buckets to be written back, and there are none.
      await submit(context, reply, asked, () =>
        clusters[verb](actor, body.text('cluster_name'), { purge: body.flag('purge') }, notesOf(body)),
      );
    });
  }

  scope.post('/autostop', async (request, reply) => {
    const asked = askedOf(context, request, 'autostop');
    const { body, actor } = asked;
    await change(context, reply, asked, () => {
      if (body.optionalText('hook'))
        throw new DroverError('NOT_SUPPORTED', { rule: 'hooks are not supported by this head yet' });
      const autostop = autostopOf(body, 'idle_minutes');
      clusters.autostop(actor, body.text('cluster_name'), autostop, notesOf(body).lastUse);
    });
  });

  scope.post('/endpoints', async (request, reply) => {
    const asked = askedOf(context, request, 'endpoints');
    const { body, actor } = asked;
    const port = body.integer('port');
    const cluster = body.text('cluster');
    await answerLater(context, reply, { ...asked, cluster }, async () => {
      const row = clusters.getUp(actor, cluster);
      await engine.state.durableUnlessStalled(row.rev);
      return { value: endpointsOf(engine.views.cluster(row), port) };
    });
  });

  const costs = async (
    actor: Actor,
    wish: { readonly days: number; readonly names: readonly string[] | null; readonly dialect: Dialect },
  ): Promise<Answer> => {
    const items = reads.costsWithRows(actor, wish.days);
    await engine.state.durableUnlessStalled(engine.state.tables.clusters.lastRev);
    const known = engine.infra.names();
    const names = wish.names && new Set(wish.names);
    const chosen = items.filter(({ row }) => names === null || names.has(row.name));
    return {
      value: chosen.map(({ row, cost }) => viewCost(engine.views.cluster(row), cost, known, wish.dialect)),
    };
  };
  scope.post('/cost_report', async (request, reply) => {
    const asked = askedOf(context, request, 'cost_report');
    const names = asked.body.texts('cluster_names');
    // Null asks for all of the past; left out it is a month.
    const said = (request.body as { days?: unknown } | null)?.days;
    const days = said === undefined ? DEFAULT_DAYS : (asked.body.integer('days') ?? ALL_DAYS);
    const wish = { days, names, dialect: dialectOf(request) };
    await answerLater(context, reply, asked, () => costs(asked.actor, wish));
  });
  scope.get('/cost_report', async (request, reply) => {
    const asked = { verb: 'cost_report', actor: context.actorOf(request), cluster: null };
    const wish = { days: ALL_DAYS, names: null, dialect: dialectOf(request) };
    await answerLater(context, reply, asked, () => costs(asked.actor, wish));
  });
}

/** Nothing stands between a node and its network, so the ports that a task names are open where its node is. */
function endpointsOf(
  view: {
    readonly name: string;
    readonly ports: readonly string[];
    readonly nodes: readonly { readonly address: string | null }[];
  },
  port: number | null,
): Record<string, string> {
  const ports = view.ports.flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: Math.min(to - from + 1, 1000) }, (_, at) => from + at);
  });
  if (port !== null && !ports.includes(port))
    throw new DroverError('INVALID_REQUEST', {
      field: 'port',
      rule: `cluster '${view.name}' was not launched with port ${port}`,
    });
  const host = view.nodes[0]?.address ?? '';
  return Object.fromEntries(
    (port === null ? ports : [port]).map((each) => [String(each), `${host}:${each}`]),
  );
}
