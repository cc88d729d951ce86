/** `/api/*`: the handshake, and requests: waited for, followed, listed. */
import { DroverError, isDroverError, isRequestFinal } from '@drover/core';
import type { Actor, RequestRow } from '@drover/engine';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Body } from './body.ts';
import type { Call } from './calls.ts';
import { callerOf, reachOf, readerOf, type SkypilotContext } from './context.ts';
import { API_VERSION, API_VERSION_OLD, dialectOf, VERSION } from './dialect.ts';
import { findRequest } from './find-request.ts';
import { payloadOfCall, payloadOfRow, summaryOf } from './payload.ts';
import { sendLines, withHeartbeat } from './stream.ts';

const WAIT_MS = 60_000;
const PAGE = 1000;
/** How the table of what was considered begins. */
const TABLE = Buffer.from('Considered resources (');
/** Of a list without a limit. */
const MOST_LISTED = 10_000;

export function apiRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { engine, actorOf, abortOf, calls } = context;
  const { requestReads, requestLogs } = engine.work;

  scope.get('/api/health', async (request) => ({
    status: 'healthy',
    // The older client wants just this text; the other one looks at the header.
    api_version: String(dialectOf(request) === 'old' ? API_VERSION_OLD : API_VERSION),
    version: VERSION,
    version_on_disk: VERSION,
    commit: 'drover',
    user: userShown(actorOf(request)),
    basic_auth_enabled: false,
    service_account_token_enabled: true,
    ingress_basic_auth_enabled: false,
    external_proxy_auth_enabled: false,
    telemetry_enabled: false,
    latest_version: null,
    restrict_config_to_admins: true,
  }));

  const find = (request: FastifyRequest, ref: string): Promise<RequestRow | Call> =>
    findRequest(context, request, ref);
  const newest = async (request: FastifyRequest): Promise<RequestRow> => {
    const row = await requestReads.resolve(actorOf(request), null, reachOf(context, request));
    context.looksInto(request, row.project);
    return row;
  };

  scope.get('/api/get', async (request, reply) => {
    const dialect = dialectOf(request);
    const found = await find(request, Body.ofQuery(request).text('request_id'));
    if (!('rev' in found)) {
      const outcome = await found.ended;
      const payload = payloadOfCall(found, dialect);
      return await sendPayload(reply, payload, 'error' in outcome);
    }
    const abort = abortOf(reply);
    let row = found;
    while (!isRequestFinal(row.status) && !abort.aborted)
      row = await requestReads.wait(row.id, WAIT_MS, abort);
    return await sendPayload(reply, payloadOfRow(context, row, dialect), row.status === 'FAILED');
  });

  scope.get('/api/stream', async (request, reply) => {
    const query = Body.ofQuery(request);
    const asked = query.optionalText('request_id');
    if (asked === null && query.optionalText('log_path') !== null)
      throw new DroverError('REQUEST_NOT_FOUND', {
        ref: `with a log of that path: logs are told by request ("sky api logs ID")`,
      });
    const found = asked === null ? await newest(request) : await find(request, asked);
    // The client compares it with what it asked for, which may be the beginning of an id.
    reply.header('x-skypilot-stream-request-id', asked ?? found.id);
    if (!('rev' in found)) return await sendLines(context, reply, withHeartbeat(logOf(found)));
    const follow = query.flag('follow', true);
    const tail = Math.max(0, query.integer('tail') ?? 0);
    const options = { follow, tail, abort: abortOf(reply) };
    const actor: Actor = { ...actorOf(request), project: found.project };
    const lines = requestLogs.read(actor, found.id, options);
    const shown = found.foreign?.['quiet'] === true ? withoutTable(lines) : lines;
    await sendLines(context, reply, withHeartbeat(shown));
  });

  scope.get('/api/status', async (request) => {
    const query = Body.ofQuery(request);
    const { request_ids: given } = request.query as { request_ids?: string | string[] };
    const dialect = dialectOf(request);
    if (given !== undefined) {
      const found = await Promise.all([given].flat().map((ref) => findOrNone(() => find(request, ref))));
      return found.flatMap((each) => (each === null ? [] : [summaryOf(each, dialect)]));
    }
    const all = query.flag('all_status');
    const cluster = query.optionalText('cluster_name');
    const most = Math.min(query.integer('limit') ?? MOST_LISTED, MOST_LISTED);
    const reader = readerOf(context, request);
    for (const project of reader.projects) context.looksInto(request, project);
    const rows: (RequestRow | Call)[] = [];
    let cursor: string | null = null;
    do {
      const wish = { all, allUsers: true, limit: Math.min(most, PAGE), ...(cluster !== null && { cluster }) };
      const page: Awaited<ReturnType<typeof requestReads.list>> = await requestReads.list(
        actorOf(request),
        { ...wish, ...(cursor !== null && { cursor }) },
        reader.projects,
      );
      rows.push(...page.rows);
      cursor = page.nextCursor;
    } while (cursor !== null && rows.length < most);
    for (const call of calls.list(reader))
      if ((all || call.outcome === null) && (cluster === null || call.cluster === cluster)) rows.push(call);
    const sorted = rows.sort((a, b) => b.createdMs - a.createdMs);
    return sorted.slice(0, most).map((each) => summaryOf(each, dialect));
  });

  scope.get('/api/plugins', async () => ({ plugins: [] }));
  scope.get('/api/completion/cluster_name', async (request) => {
    const begins = Body.ofQuery(request).optionalText('incomplete') ?? '';
    const wish = { names: null, refresh: 'none', allUsers: true };
    const views = await engine.work.reads.list(callerOf(context, request), wish);
    return views.map(({ name }) => name).filter((name) => name.startsWith(begins));
  });
  scope.get('/api/completion/api_request', async (request) => {
    const begins = Body.ofQuery(request).optionalText('incomplete') ?? '';
    const wish = { all: true, allUsers: true, limit: PAGE };
    const page = await requestReads.list(actorOf(request), wish, reachOf(context, request));
    return page.rows.map(({ id }) => id).filter((id) => id.startsWith(begins));
  });
  for (const noun of ['storage_name', 'volume_name']) scope.get(`/api/completion/${noun}`, async () => []);
}

/** A failed one is an error of the server with the request in it: so the client tells it from an answer. */
async function sendPayload(reply: FastifyReply, payload: object, isFailed: boolean): Promise<unknown> {
  return isFailed ? await reply.status(500).send({ detail: payload }) : await reply.send(payload);
}

async function* logOf(call: Call): AsyncIterable<Uint8Array> {
  await call.ended;
  if (call.log !== '') yield new TextEncoder().encode(call.log);
}

/** Whoever was asked whether to launch has seen the table already. It comes in one piece. */
async function* withoutTable(lines: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const chunk of lines)
    if (!Buffer.from(chunk.subarray(0, TABLE.length)).equals(TABLE)) yield chunk;
}

/** Null: whoever the client says it is. */
const userShown = ({ user }: Actor): { id: string; name: string } | null => user ?? null;

async function findOrNone<T>(find: () => Promise<T>): Promise<T | null> {
  try {
    return await find();
  } catch (error) {
    if (isDroverError(error) && error.code === 'REQUEST_NOT_FOUND') return null;
    throw error;
  }
}
