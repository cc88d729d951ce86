/** Finding instances as PyLet's clients name them. What is being deleted is gone for them at once. */
import { INSTANCE_STATUSES, type InstanceStatus, isFinal, parseName } from '@drover/core';
import type { Actor, InstanceRow } from '@drover/engine';
import type { FastifyRequest } from 'fastify';
import type { PyletContext } from './context.ts';
import { Refusal } from './errors.ts';

const PAGE = 1000;
/** Of an id: what an instance without a name is called. */
export const SHORT_ID = 8;
type Params = { id: string; name: string };

/** Finds the instance that a request's path names. @throws {Refusal} 404 */
export function finder(context: PyletContext) {
  const { engine, actorOf } = context;
  return {
    async byId(request: FastifyRequest): Promise<InstanceRow> {
      return visible(await engine.reads.find((request.params as Params).id), actorOf(request));
    },
    async named(request: FastifyRequest): Promise<InstanceRow> {
      const actor = actorOf(request);
      const { name } = request.params as Params;
      return visible((await holderOf(context, actor, name)) ?? (await unnamed(context, actor, name)), actor);
    },
  };
}

function visible(row: InstanceRow | null, actor: Actor): InstanceRow {
  if (!row || row.deleting !== null || row.project !== actor.project)
    throw new Refusal(404, 'Instance not found');
  return row;
}

/** An instance without a name answers to the first characters of its id. */
async function unnamed(
  { engine }: PyletContext,
  { project }: Actor,
  name: string,
): Promise<InstanceRow | null> {
  if (name.length !== SHORT_ID) return null;
  for (const row of engine.state.tables.instances.all())
    if (
      row.project === project &&
      row.name === null &&
      row.owner === null &&
      row.deleting === null &&
      row.id.startsWith(name)
    )
      return engine.reads.find(row.id);
  return null;
}

/**
 * The instance that holds a name: one that has not ended, else the newest. A name stays taken until its record is
 * deleted; one whose record is going may have passed it on already.
 */
export async function holderOf(
  { engine }: PyletContext,
  actor: Actor,
  text: string,
): Promise<InstanceRow | null> {
  const name = parseName(text);
  if (name === null) return null;
  const here = engine.state.tables.instances
    .named(actor.project, name)
    .filter((row) => row.deleting === null);
  const best = here.find((row) => !isFinal(row.status)) ?? here.at(-1);
  if (best) {
    await engine.state.durable(best.rev);
    return best;
  }
  const stored = await engine.reads.byName(actor, name);
  return stored?.deleting === null ? stored : null;
}

/** Of pages that are cut because they are large; each has some 8 MiB. */
const MOST_CUT_PAGES = 8;

/**
 * All of one status and one label, newest first. A status that is none matches nothing; a label without "=" is ignored.
 * @throws {Refusal} for more than one reply can hold
 */
export async function listAll(
  { engine }: PyletContext,
  actor: Actor,
  status: unknown,
  label: unknown,
): Promise<InstanceRow[]> {
  if (status !== undefined && !INSTANCE_STATUSES.includes(status as InstanceStatus)) return [];
  const rows: InstanceRow[] = [];
  const pair = typeof label === 'string' && label.indexOf('=') > 0 ? label : undefined;
  let cursor: string | null = null;
  let cutPages = 0;
  do {
    const page: { rows: InstanceRow[]; nextCursor: string | null } = await engine.reads.list(actor, {
      limit: PAGE,
      ...(status !== undefined && { status: status as InstanceStatus }),
      ...(pair !== undefined && { label: pair }),
      ...(cursor !== null && { cursor }),
    });
    // What a job made belongs to its cluster: PyLet's words have no place for it.
    for (const row of page.rows) if (row.deleting === null && row.owner === null) rows.push(row);
    cursor = page.nextCursor;
    // Cut by size and not by number: PyLet knows no pages, and all of it would have to be here at once.
    if (cursor !== null && page.rows.length < PAGE) cutPages += 1;
    if (cutPages > MOST_CUT_PAGES)
      throw new Refusal(400, 'The list is too large for one reply: ask for a status or a label of it');
  } while (cursor !== null);
  return rows;
}
