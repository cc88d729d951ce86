/**
 * From a wish to nodes: the ways to satisfy it are tried in order, each once; what is full now is passed over, and told
 * apart from what could never do. With `retryUntilUp` it waits in line instead of giving up.
 */
import { DroverError, isoStamp } from '@drover/core';
import { SYSTEM } from '../actor.ts';
import type { Candidate } from '../infra/candidate.ts';
import { typesFor, whyNone } from '../infra/choice.ts';
import type { MachineType } from '../infra/machine-type.ts';
import { type Block, blocksOf, consideredTable, plan } from '../infra/optimize.ts';
import { say, whileNew } from '../requests/service.ts';
import type { ClusterContext } from './controller.ts';
import { fail } from './fail.ts';
import { loseNodes } from './lost-nodes.ts';
import { machinesStep } from './machines.ts';
import { moveCluster, openUsage, patchCluster } from './move.ts';
import { emptyNode, release, reserve, standOf } from './nodes.ts';
import type { ClusterRow, Tried } from './row.ts';

/** Rounds begin after 5 s, then twice as long each time, up to this. */
const ROUND_MS = { first: 5_000, most: 60_000 } as const;

type Step = 'ready' | { readonly againMs: number | undefined };
const WAIT: Step = { againMs: undefined };

export function provision(context: ClusterContext, row: ClusterRow): Step {
  const { state } = context;
  const lost = loseNodes(context, row);
  if (lost !== null) return lost;
  if (row.nodes.length === 0) return choose(context, row);
  const candidate = row.candidate as Candidate;
  const machines = machinesStep(context, row, candidate);
  if (machines === 'waits') return WAIT;
  const stand = standOf(state, row);
  if (stand.allHeld) return take(context, row);
  if (stand.waiting.length === 0) {
    const types = candidate.types ?? [candidate.machine.type];
    state.transact(SYSTEM, (tx) =>
      patchCluster(tx, row, { nodes: reserve(tx, context.ports, row, candidate, types) }),
    );
    return WAIT;
  }
  const [first] = stand.waiting;
  if (context.infra.isComing(candidate.machine.infra)) return WAIT;
  if (!first || !context.scheduler.hasNoRoom(first)) {
    // A pass is due, or a worker may still turn up. Looked at again when it has.
    return { againMs: 250 };
  }
  return isInPlace(row)
    ? waitOrFailInPlace(context, row, candidate)
    : passOver(context, row, candidate, first);
}

/** It has nodes somewhere already: there and nowhere else. */
const isInPlace = (row: ClusterRow): boolean => row.nodes.some((node) => node.workerId !== null);

/** The next way that has not been tried in this round. */
function choose(context: ClusterContext, row: ClusterRow): Step {
  const { state, ports, infra } = context;
  const now = ports.clock.wallMs();
  if (row.retryAtMs !== null && row.retryAtMs > now) return { againMs: row.retryAtMs - now };
  const { types, closed, waitsFor } = typesFor(infra, row.resources, row.byUser ?? false);
  // What was heard a while ago is asked again beside it; whoever waits is woken by the answer.
  infra.refresh().catch((err: unknown) => ports.log.warn({ err }, 'a catalogue could not be read'));
  if (waitsFor !== null) {
    if (row.reason?.code !== 'WAITING_FOR_INFRA')
      state.transact(SYSTEM, (tx) => {
        moveCluster(tx, row, 'begin', now, { code: 'WAITING_FOR_INFRA', message: waitsFor });
        say(state, tx, row.id, [{ text: waitsFor }]);
      });
    return WAIT;
  }
  const planned = planFor(context, row, types, row.tried.map(blockOf));
  const [candidate] = planned.candidates;
  if (!candidate) return giveUp(context, row, types.length === 0, [...planned.whyNot, ...closed]);
  state.transact(SYSTEM, (tx) => {
    if (row.tried.length === 0)
      say(state, tx, row.id, [{ text: consideredTable(planned, row.numNodes) }], whileNew);
    const { machine } = candidate;
    const where = [machine.infra, machine.region, machine.zone].filter(Boolean).join('/');
    say(state, tx, row.id, [{ text: `Launching on ${where} (${machine.type}).` }], whileNew);
    const nodes = Array.from({ length: row.numNodes }, (_, rank) => emptyNode(rank));
    infra.ensure(tx, machine.infra);
    moveCluster(
      tx,
      row,
      'begin',
      now,
      { code: 'PROVISIONING', message: `its nodes are being found on ${where} (${machine.type})` },
      { candidate, nodes, retryAtMs: null },
    );
  });
  return WAIT;
}

/** What could do, without what the task excludes and what was tried. */
const planFor = (
  { infra }: ClusterContext,
  row: ClusterRow,
  types: readonly MachineType[],
  tried: readonly Block[],
) =>
  plan(row.resources, row.numNodes, types, row.optimize, [...blocksOf(row.blocked), ...tried], (name) =>
    infra.isShared(name),
  );

const blockOf = ({ infra, region, zone, type }: Tried) => ({ infra, region, zone, type });

/** Nothing is left in this round. */
function giveUp(context: ClusterContext, row: ClusterRow, noInfra: boolean, whyNot: readonly string[]): Step {
  const { ports, infra } = context;
  const now = ports.clock.wallMs();
  if (row.tried.length === 0) {
    const error = noInfra
      ? new DroverError('NO_INFRA', { rule: whyNone(infra, row.resources, row.byUser ?? false) })
      : new DroverError('RESOURCES_UNAVAILABLE', {
          rule: `nothing that is known could ever hold it: ${whyNot.join('; ')}`,
          failoverHistory: [],
        });
    if (row.retryUntilUp) return again(context, row, error.message);
    fail(context, row, error, { forgetCluster: !row.everUp });
    return WAIT;
  }
  const history = row.tried.map((each) => ({ ...each }));
  const places = row.tried.map((each) => `${each.infra} ${each.type}: ${each.message}`).join('; ');
  if (row.retryUntilUp) return waitInLine(context, row, places);
  fail(
    context,
    row,
    new DroverError('RESOURCES_UNAVAILABLE', {
      rule: `everything that could hold it is taken now: ${places}. "--retry-until-up" waits; last tried ${isoStamp(now)}`,
      failoverHistory: history,
    }),
  );
  return WAIT;
}

/** On shared infra a place in the scheduler's queue is better than trying again: what becomes free is taken at once. */
function waitInLine(context: ClusterContext, row: ClusterRow, places: string): Step {
  const { state, ports, infra } = context;
  const { types } = typesFor(infra, row.resources, row.byUser ?? false);
  const { candidates } = planFor(context, row, types, []);
  const shared = candidates.filter(({ machine }) => infra.isShared(machine.infra));
  const [candidate] = shared;
  if (!candidate) return again(context, row, places);
  const alike = shared
    .filter(({ machine }) => machine.infra === candidate.machine.infra)
    .map(({ machine }) => machine.type);
  const now = ports.clock.wallMs();
  state.transact(SYSTEM, (tx) => {
    say(state, tx, row.id, [{ text: `Everything is taken; waiting in line on ${candidate.machine.infra}.` }]);
    const empty = { ...row, nodes: Array.from({ length: row.numNodes }, (_, rank) => emptyNode(rank)) };
    const nodes = reserve(tx, ports, empty, candidate, [...new Set(alike)]);
    const reason = { code: 'WAITING_FOR_NODES', message: `waits in line on ${candidate.machine.infra}` };
    moveCluster(tx, row, 'begin', now, reason, { candidate, nodes, tried: [], round: row.round + 1 });
  });
  return WAIT;
}

/** A new round, later. */
function again(context: ClusterContext, row: ClusterRow, why: string): Step {
  const { state, ports } = context;
  const now = ports.clock.wallMs();
  const delayMs = Math.min(ROUND_MS.first * 2 ** row.round, ROUND_MS.most);
  const reason = { code: 'RETRYING', message: `tries again in ${delayMs / 1000} s: ${why}` };
  state.transact(SYSTEM, (tx) => {
    say(state, tx, row.id, [{ text: reason.message }], whileNew);
    moveCluster(tx, row, 'begin', now, reason, {
      tried: [],
      round: row.round + 1,
      retryAtMs: now + delayMs,
    });
  });
  return { againMs: delayMs };
}

/** This way is full now: the next one. */
function passOver(
  context: ClusterContext,
  row: ClusterRow,
  { machine }: Candidate,
  waiting: { readonly id: string },
): Step {
  const { state, scheduler } = context;
  // Waiting in line was asked for.
  if (row.reason?.code === 'WAITING_FOR_NODES') return WAIT;
  const reservation = state.tables.reservations.get(waiting.id);
  const why = reservation ? scheduler.explain(reservation)?.summary.message : undefined;
  const message = why ?? 'no room';
  state.transact(SYSTEM, (tx) => {
    const { infra, region, zone, type } = machine;
    say(state, tx, row.id, [{ text: `No room on ${infra} (${type}): ${message}` }], whileNew);
    release(tx, row);
    patchCluster(tx, row, {
      nodes: [],
      candidate: null,
      tried: [...row.tried, { infra, region, zone, type, code: 'OUT_OF_STOCK', message }],
    });
  });
  return WAIT;
}

/** A cluster that starts again where it was finds its place taken. */
function waitOrFailInPlace(context: ClusterContext, row: ClusterRow, { machine }: Candidate): Step {
  const { state, ports, scheduler } = context;
  const [waiting] = standOf(state, row).waiting;
  const message = (waiting && scheduler.explain(waiting)?.summary.message) ?? 'no room';
  if (row.retryUntilUp) {
    if (row.reason?.code !== 'WAITING_FOR_NODES')
      state.transact(SYSTEM, (tx) => {
        say(state, tx, row.id, [{ text: `Its nodes are taken; waiting in line: ${message}` }]);
        moveCluster(tx, row, 'begin', ports.clock.wallMs(), {
          code: 'WAITING_FOR_NODES',
          message: `waits for its own nodes: ${message}`,
        });
      });
    return WAIT;
  }
  const { infra, region, zone, type } = machine;
  const history = [{ infra, region, zone, type, code: 'OUT_OF_STOCK', message }];
  fail(
    context,
    row,
    new DroverError('RESOURCES_UNAVAILABLE', {
      rule: `its own nodes are taken, and a cluster starts again where it was: ${message}. "--retry-until-up" waits`,
      failoverHistory: history,
    }),
  );
  return WAIT;
}

/** All nodes hold what they need: from now on they are the cluster's. */
function take(context: ClusterContext, row: ClusterRow): Step {
  const { state, ports } = context;
  const isKnown = row.nodes.every((node) => {
    const held = node.reservation === null ? undefined : state.tables.reservations.get(node.reservation);
    return (
      held !== undefined &&
      node.workerId === held.workerId &&
      node.address !== null &&
      `${node.gpuIndices}` === `${held.gpuIndices}`
    );
  });
  const isBilled = row.usage.some((each) => each.toMs === null);
  if (isKnown && isBilled) return 'ready';
  const now = ports.clock.wallMs();
  state.transact(SYSTEM, (tx) => {
    const nodes = row.nodes.map((node) => {
      const held = node.reservation === null ? undefined : tx.get('reservations', node.reservation);
      const worker = held?.workerId ? tx.get('workers', held.workerId) : undefined;
      return {
        ...node,
        workerId: held?.workerId ?? null,
        address: worker?.offer?.host ?? node.address ?? '',
        gpuIndices: held?.gpuIndices ?? [],
      };
    });
    const hosts = nodes.map((node) => node.address).join(', ');
    say(state, tx, row.id, [
      { text: nodes.length === 1 ? `Node is up: ${hosts}.` : `Nodes are up: ${hosts}.` },
    ]);
    const price = row.candidate?.pricePerHour ?? 0;
    patchCluster(tx, row, {
      nodes,
      tried: [],
      retryAtMs: null,
      round: 0,
      usage: isBilled ? row.usage : openUsage(row, now, price),
    });
  });
  return WAIT;
}
