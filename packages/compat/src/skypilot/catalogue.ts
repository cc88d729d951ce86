/** What machines there are, in the clients' words: `check`, enabled clouds, and lists of accelerators. */
import { gpuMatches, gpuName, invalid } from '@drover/core';
import type { Actor, InfraState, MachineType } from '@drover/engine';
import type { FastifyInstance } from 'fastify';
import { Body } from './body.ts';
import { askerOf, inWorkspace, type SkypilotContext } from './context.ts';
import { type Dialect, dialectOf } from './dialect.ts';
import { placeOf } from './places.ts';
import { answerLater, askedOf } from './submit.ts';

/** The kind of cloud that all our places are to each client. */
const CLOUD: Readonly<Record<Dialect, string>> = { now: 'SSH', old: 'Kubernetes' };

/** What GPUs are called of which nothing more is known. */
const NO_MODEL = 'GPU';

interface Gpus {
  readonly infra: string;
  readonly machine: MachineType;
  readonly name: string;
  readonly count: number;
}

export function catalogueRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { engine } = context;

  scope.post('/check', async (request, reply) => {
    const dialect = dialectOf(request);
    const asked = askedOf(context, request, 'check', Body.of(request).optionalText('workspace'));
    const { actor } = asked;
    await answerLater(context, reply, { ...asked, onlyFor: askerOf(context, request) }, async () => {
      await engine.infra.refresh(undefined, { force: true });
      const states = engine.infra.describe();
      const cloud = CLOUD[dialect];
      const enabled = enabledFor(context, actor, states).length > 0 ? [cloud] : [];
      const capabilities = Object.fromEntries(enabled.map((name) => [name, ['compute']]));
      const value = { [actor.project]: dialect === 'old' ? enabled : capabilities };
      return { value, log: checkText(context, actor, states) };
    });
  });

  scope.get('/enabled_clouds', async (request, reply) => {
    const dialect = dialectOf(request);
    const query = Body.ofQuery(request);
    const actor = inWorkspace(context, request, query.optionalText('workspace'));
    const onlyFor = askerOf(context, request);
    const asked = { verb: 'enabled_clouds', actor, cluster: null, onlyFor };
    await answerLater(context, reply, asked, () => {
      const known = engine.infra.names();
      const enabled = enabledFor(context, actor, engine.infra.describe());
      if (enabled.length === 0) return { value: [] };
      const isExpanded = dialect === 'now' && query.flag('expand');
      const expanded = enabled.map(({ infra }) => placeOf(infra, known).replace('ssh/', 'SSH/'));
      // The newer client looks for the kind in lower case.
      const kind = dialect === 'now' ? CLOUD.now.toLowerCase() : CLOUD.old;
      return { value: isExpanded ? expanded : [kind] };
    });
  });

  scope.post('/list_accelerators', async (request, reply) => {
    const asked = askedOf(context, request, 'list_accelerators');
    const isChosen = filterOf(asked.body);
    const cloud = CLOUD[dialectOf(request)];
    await answerLater(context, reply, asked, () => {
      const known = engine.infra.names();
      const value: Record<string, unknown[]> = {};
      for (const gpus of gpusOf(engine.infra.describe()).filter(isChosen)) {
        const { machine, name, count, infra } = gpus;
        value[name] ??= [];
        value[name].push([
          cloud,
          machine.type,
          name,
          count,
          machine.cpus,
          null,
          machine.memoryMiB / 1024,
          machine.pricePerHour,
          machine.spotPricePerHour ?? machine.pricePerHour,
          placeOf(infra, known).slice('ssh/'.length),
        ]);
      }
      return { value };
    });
  });

  scope.post('/list_accelerator_counts', async (request, reply) => {
    const asked = askedOf(context, request, 'list_accelerator_counts');
    const isChosen = filterOf(asked.body);
    await answerLater(context, reply, asked, () => {
      const counts = new Map<string, Set<number>>();
      for (const { name, count } of gpusOf(engine.infra.describe()).filter(isChosen)) {
        const known = counts.get(name) ?? new Set();
        for (const each of askable(count)) known.add(each);
        counts.set(name, known);
      }
      return {
        value: Object.fromEntries([...counts].map(([name, set]) => [name, [...set].sort((a, b) => a - b)])),
      };
    });
  });

  scope.post('/realtime_kubernetes_gpu_availability', async (request, reply) => {
    const asked = askedOf(context, request, 'realtime_kubernetes_gpu_availability');
    const { body } = asked;
    const isChosen = filterOf(body);
    const isOurs = dialectOf(request) === 'old' || body.flag('is_ssh');
    const wanted = body.optionalText('context');
    await answerLater(context, reply, asked, () => {
      if (!isOurs) return { value: [] };
      const known = engine.infra.names();
      const value: unknown[] = [];
      for (const state of engine.infra.describe()) {
        const name = placeOf(state.infra, known).replace('/', '-');
        if (wanted !== null && wanted !== name && `ssh-${wanted}` !== name) continue;
        const rows = availabilityOf(context, gpusOf([state]).filter(isChosen));
        if (rows.length > 0) value.push([name, rows]);
      }
      return { value };
    });
  });

  scope.post('/kubernetes_node_info', async (request, reply) => {
    const asked = askedOf(context, request, 'kubernetes_node_info');
    await answerLater(context, reply, asked, () => ({ value: { node_info_dict: {}, hint: '' } }));
  });
  scope.get('/status_kubernetes', async (request, reply) => {
    const asked = { verb: 'status_kubernetes', actor: context.actorOf(request), cluster: null };
    await answerLater(context, reply, asked, () => ({ value: [[], [], [], null] }));
  });
  scope.get('/ssh_node_pools', async () => {
    const known = engine.infra.names();
    return Object.fromEntries(
      known.map((infra) => [placeOf(infra, known).slice('ssh/'.length), { hosts: [] }]),
    );
  });
}

/** Why the caller may run nothing there; null: it may. */
const closedTo = ({ engine }: SkypilotContext, { role }: Actor, infra: string): string | null =>
  role === 'admin' ? null : engine.infra.adminsOnly(infra);

const enabledFor = (context: SkypilotContext, actor: Actor, states: readonly InfraState[]): InfraState[] =>
  states.filter(({ infra, isEnabled }) => isEnabled && closedTo(context, actor, infra) === null);

function checkText(context: SkypilotContext, actor: Actor, states: readonly InfraState[]): string {
  const lines = states.map(({ infra, isEnabled, reason, workers }) => {
    const closed = closedTo(context, actor, infra);
    const why = closed ?? reason?.message ?? null;
    const word = closed !== null ? 'not for you' : isEnabled ? 'enabled' : 'disabled';
    return `  ${infra}: ${word}, ${workers} workers${why === null ? '' : `: ${why}`}`;
  });
  return ['Checking the infra of this head:', ...lines, ''].join('\n');
}

/** Machine types with GPUs. */
function gpusOf(states: readonly InfraState[]): Gpus[] {
  return states.flatMap(({ infra, types }) =>
    types.flatMap((machine) =>
      machine.accelerators === null ? [] : [{ infra, machine, ...machine.accelerators }],
    ),
  );
}

/** What may be asked of so many: powers of two, and all. */
const askable = (count: number): number[] => [...[1, 2, 4, 8, 16, 32].filter((each) => each < count), count];

/** Which GPUs are asked for. @throws {DroverError} INVALID_REQUEST */
export function filterOf(body: Body): (gpus: Pick<Gpus, 'name' | 'count'>) => boolean {
  const name = body.optionalText('name_filter');
  if (name !== null && name.length > 100) throw invalid('name_filter', 'at most 100 characters', name);
  // Clients send a pattern in which only dots and stars have a meaning; a name of ours is matched as one.
  const plain = name?.replace(/[\\^$]/g, '') ?? null;
  const part = plain?.toLowerCase() ?? '';
  const quantity = body.integer('quantity_filter');
  return ({ name: found, count }) => {
    if (quantity !== null && count < quantity) return false;
    return plain === null || gpuMatches(plain, found) || found.toLowerCase().includes(part);
  };
}

/** `[name, [what may be asked], all, free]` for each kind of GPU of one infra. */
function availabilityOf({ engine }: SkypilotContext, gpus: readonly Gpus[]): unknown[] {
  const infra = gpus[0]?.infra;
  const kinds = new Map<string, { most: number; capacity: number; free: number }>();
  for (const { name, count } of gpus) {
    const kind = kinds.get(name) ?? { most: 0, capacity: 0, free: 0 };
    kinds.set(name, { ...kind, most: Math.max(kind.most, count) });
  }
  for (const row of engine.state.tables.workers.all()) {
    if (row.place !== infra || row.status !== 'ONLINE') continue;
    const view = engine.views.worker(row);
    const [first] = view.gpus;
    const kind = first && kinds.get(first.model === null ? NO_MODEL : gpuName(first.model));
    if (!kind) continue;
    kind.capacity += view.total.gpus;
    kind.free += view.available.gpus;
  }
  return [...kinds].map(([name, { most, capacity, free }]) => [name, askable(most), capacity, free]);
}
