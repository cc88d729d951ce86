/** A request as the clients read it. Its name picks the reader of its answer, so both keep to the clients' own. */
import type { RequestRow } from '@drover/engine';
import type { Call } from './calls.ts';
import type { SkypilotContext } from './context.ts';
import type { Dialect } from './dialect.ts';
import { errorText, skyErrorOf } from './errors.ts';
import type { ErrorFact } from './facts.ts';
import { handleOf, noHandle } from './handle.ts';

/** None, pickled: clients keep a place for what only the real server looks at. */
const NOTHING_PICKLED = 'gAROLg==';
/** What the clients call long; they show it and nothing else. */
const LONG = new Set(['launch', 'exec', 'start']);
const NAME_PREFIX = 'sky.';

/** A request of either kind, with what differs between them read already. */
interface Parts {
  readonly id: string;
  readonly verb: string;
  readonly status: string;
  readonly user: { readonly id: string; readonly name: string };
  readonly cluster: string | null;
  readonly createdMs: number;
  readonly endedMs: number | null;
  readonly error: ErrorFact | null;
  readonly message: string | null;
}

/** With its answer. */
export function payloadOfRow(context: SkypilotContext, row: RequestRow, dialect: Dialect): object {
  const value = row.status === 'SUCCEEDED' ? answerOf(context, row, dialect) : null;
  return payload(partsOfRow(row), JSON.stringify(value), dialect);
}

export function payloadOfCall(call: Call, dialect: Dialect): object {
  const { outcome } = call;
  return payload(partsOfCall(call), outcome && 'value' in outcome ? outcome.value : 'null', dialect);
}

/** For lists: without answers, and with texts where the other form has pickles. */
export function summaryOf(request: RequestRow | Call, dialect: Dialect): object {
  const parts = 'rev' in request ? partsOfRow(request) : partsOfCall(request);
  return {
    ...payload({ ...parts, error: null }, 'null', dialect),
    entrypoint: '',
    request_body: '{}',
  };
}

function partsOfRow(row: RequestRow): Parts {
  const { id, verb, status, user, cluster, createdMs, endedMs, error, reason } = row;
  const message = reason?.message ?? null;
  return { id, verb, status, user, cluster, createdMs, endedMs, error, message };
}

function partsOfCall({ id, verb, user, cluster, createdMs, endedMs, outcome }: Call): Parts {
  const status = outcome === null ? 'RUNNING' : 'value' in outcome ? 'SUCCEEDED' : 'FAILED';
  const error = outcome && 'error' in outcome ? outcome.error : null;
  return { id, verb, status, user, cluster, createdMs, endedMs, error, message: null };
}

function payload(parts: Parts, value: string, dialect: Dialect): object {
  const { id, verb, status, user, cluster, createdMs, endedMs, error, message } = parts;
  return {
    request_id: id,
    name: NAME_PREFIX + verb,
    entrypoint: NOTHING_PICKLED,
    request_body: NOTHING_PICKLED,
    status,
    created_at: createdMs / 1000,
    user_id: user.id,
    user_name: user.name,
    return_value: value,
    error: error === null ? 'null' : errorText(skyErrorOf(error, verb)),
    pid: null,
    schedule_type: LONG.has(verb) ? 'long' : 'short',
    cluster_name: cluster,
    status_msg: message,
    // The older client refuses a request with a key that it does not know.
    ...(dialect === 'now' && {
      should_retry: false,
      finished_at: endedMs === null ? null : endedMs / 1000,
      file_mounts_blob_id: null,
    }),
  };
}

/** The answer of a request that has succeeded, in the shape that its name stands for. */
function answerOf(context: SkypilotContext, row: RequestRow, dialect: Dialect): unknown {
  const { verb } = row;
  if (verb === 'start') return handleOfRow(context, row, row.cluster ?? '', dialect);
  if (verb !== 'launch' && verb !== 'exec') return row.result;
  const { jobId, cluster } = row.result as { jobId: number | null; cluster: string | null };
  const handle = cluster === null ? noHandle(dialect) : handleOfRow(context, row, cluster, dialect);
  const withCredentials = row.foreign?.['credentials'] === true && dialect === 'now';
  return { job_id: jobId, handle, ...(withCredentials && { credentials: null }) };
}

function handleOfRow({ engine }: SkypilotContext, row: RequestRow, name: string, dialect: Dialect): unknown {
  const cluster = engine.state.tables.clusters.get(row.owner?.replace(/^clusters\//, '') ?? '');
  return handleOf(cluster ? engine.views.cluster(cluster) : null, name, dialect, engine.infra.names());
}
