/**
 * The one catalogue of errors. A code is stable for ever; the message is for people and may change.
 * `retry` says whether the same call can succeed later; `actor` who has to do something about it.
 */
interface ErrorEntry {
  readonly status: number;
  readonly retry: boolean;
  readonly actor: 'user' | 'operator' | 'drover';
  readonly message: string;
}

export const ERROR_CATALOGUE = {
  INVALID_REQUEST: { status: 400, retry: false, actor: 'user', message: '{field}: {rule}' },
  /** `details`: `where` (file, line, column in one), `field`, `rule`, `file`, `line`, `column`, and `hint`: what to do. */
  INVALID_TASK: { status: 400, retry: false, actor: 'user', message: '{where}: {field}: {rule}' },
  INVALID_YAML: { status: 400, retry: false, actor: 'user', message: '{where}: {rule}' },
  INVALID_JSON: { status: 400, retry: false, actor: 'user', message: 'the body is not valid JSON: {rule}' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    retry: false,
    actor: 'user',
    message: 'send the body as application/json',
  },
  BODY_TOO_LARGE: { status: 413, retry: false, actor: 'user', message: 'the body exceeds {limit} bytes' },
  HEADERS_TOO_LARGE: {
    status: 431,
    retry: false,
    actor: 'user',
    message: 'the request header exceeds its limit',
  },
  UNAUTHENTICATED: {
    status: 401,
    retry: false,
    actor: 'user',
    message: 'a valid token is needed: "drover login", --token, or DROVER_TOKEN',
  },
  FORBIDDEN: { status: 403, retry: false, actor: 'user', message: 'this token may not do that' },
  JOIN_TOKEN_INVALID: {
    status: 401,
    retry: false,
    actor: 'operator',
    message: 'the join token is unknown, used up or expired: make a new one with "drover join-token create"',
  },
  ROUTE_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'there is no {method} {path}' },
  METHOD_NOT_ALLOWED: {
    status: 405,
    retry: false,
    actor: 'user',
    message: '{method} is not supported on {path}',
  },
  INSTANCE_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'no instance {ref}' },
  WORKER_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'no worker {ref}' },
  TOKEN_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'no token {ref}' },
  USER_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'no user {ref}' },
  USER_EXISTS: { status: 409, retry: false, actor: 'user', message: 'there is a user {ref} already' },
  /** Also for one that the caller may not come into: whether it exists is not told. */
  PROJECT_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'no project {ref} for you' },
  PROJECT_EXISTS: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'there is a project {ref} already, or there was one: names are not given twice',
  },
  PROJECT_NOT_EMPTY: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'project {ref} still has {what}: end and delete these first',
  },
  QUOTA_EXCEEDED: {
    status: 403,
    retry: true,
    actor: 'user',
    message:
      'project {project} has {used} of at most {limit} {what}, and this asks for {asked}: end something, or ask an admin for more',
  },
  LOG_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'instance {ref} has no log: {rule}' },
  LOG_UNAVAILABLE: {
    status: 503,
    retry: true,
    actor: 'operator',
    message: 'the log of instance {ref} is on worker {worker}, which cannot be reached now',
  },
  NAME_TAKEN: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'the name "{name}" is in use by instance {ref}',
  },
  AMBIGUOUS: { status: 409, retry: false, actor: 'user', message: '"{ref}" matches several: {matches}' },
  ALREADY_FINAL: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'instance {ref} has already ended ({status})',
  },
  NOT_UNKNOWN: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'instance {ref} is {status}, not UNKNOWN',
  },
  BEING_CANCELLED: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'instance {ref} is being cancelled; "drover instance forget" ends it without its worker',
  },
  TARGET_WORKER_NOT_ONLINE: {
    status: 409,
    retry: true,
    actor: 'user',
    message: 'target worker {ref} is {status}, not ONLINE',
  },
  WORKER_NOT_OFFLINE: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'worker {ref} is {status}; only OFFLINE workers can be deleted',
  },
  WORKER_IDENTITY_IN_USE: {
    status: 409,
    retry: false,
    actor: 'operator',
    message: 'another process serves as worker {ref}; it keeps the identity',
  },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'this Idempotency-Key was used with another body ({differs})',
  },
  RESYNC: {
    status: 410,
    retry: true,
    actor: 'user',
    message: 'revision {rev} is too old; list again and follow from there',
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    retry: true,
    actor: 'user',
    message: 'the limit of {limit} {what} is reached',
  },
  TIMEOUT: {
    status: 408,
    retry: true,
    actor: 'user',
    message: '{what} did not happen within {timeoutMs} ms',
  },
  STORE_FULL: {
    status: 503,
    retry: true,
    actor: 'operator',
    message: 'the head cannot write its state ({rule}); nothing was changed',
  },
  SHUTTING_DOWN: { status: 503, retry: true, actor: 'operator', message: 'the head is stopping; try again' },
  HEAD_UNREACHABLE: {
    status: 503,
    retry: true,
    actor: 'operator',
    message: 'cannot reach the head at {url}: {rule}',
  },
  /** Nothing was sent: the peer could not show that it is this head. */
  HEAD_UNTRUSTED: {
    status: 502,
    retry: false,
    actor: 'operator',
    message: 'the head at {url} cannot be verified: {rule}',
  },
  TLS_REQUIRED: {
    status: 400,
    retry: false,
    actor: 'user',
    message: 'this port speaks TLS: say https:// instead of http://',
  },
  HOST_REFUSED: {
    status: 403,
    retry: false,
    actor: 'operator',
    message:
      'this head is not known as "{host}": start it with --allow-host {host} if that is one of its names',
  },
  /** A page of another site may not call: no browser gets an answer that it could read. */
  ORIGIN_REFUSED: {
    status: 403,
    retry: false,
    actor: 'user',
    message: 'a page of {origin} may not call this head at {host}',
  },
  FILES_NOT_FOUND: {
    status: 404,
    retry: false,
    actor: 'user',
    message: 'there is nothing at {path}: check workdir and file_mounts',
  },
  FILES_REFUSED: {
    status: 400,
    retry: false,
    actor: 'user',
    message: '{path} cannot be sent: {rule}',
  },
  FILES_UNREADABLE: { status: 403, retry: false, actor: 'user', message: '{path} cannot be read: {rule}' },
  FILES_CHANGED: {
    status: 409,
    retry: true,
    actor: 'user',
    message: '{path} changed each of the {tries} times it was read: send it when nothing writes to it',
  },
  CONTENT_MISSING: {
    status: 409,
    retry: false,
    actor: 'drover',
    message: '{count} contents of this tree are not at the head: send them first',
  },
  CONTENT_MISMATCH: {
    status: 400,
    retry: true,
    actor: 'drover',
    message: 'what came is not the content {sha256}: {rule}',
  },
  CONTENT_OFFSET: {
    status: 409,
    retry: false,
    actor: 'drover',
    message: 'the head has {offset} bytes of this content: go on from there',
  },
  CONTENT_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'no content {sha256}' },
  TREE_NOT_FOUND: {
    status: 404,
    retry: false,
    actor: 'user',
    message: 'no tree {tree}: send the files again',
  },
  FILES_FULL: {
    status: 507,
    retry: true,
    actor: 'operator',
    message: 'the head has no room for files ({rule}); nothing else is touched by it',
  },
  REQUEST_NOT_FOUND: { status: 404, retry: false, actor: 'user', message: 'no request {ref}' },
  REQUEST_CANCELLED: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'request {ref} was cancelled: {rule}',
  },
  CLUSTER_NOT_FOUND: {
    status: 404,
    retry: false,
    actor: 'user',
    message: "cluster '{ref}' does not exist",
  },
  CLUSTER_NAME_INVALID: {
    status: 400,
    retry: false,
    actor: 'user',
    message: "cluster name '{name}': {rule}",
  },
  CLUSTER_NOT_UP: {
    status: 409,
    retry: false,
    actor: 'user',
    message: "cluster '{ref}' is {status}, not UP: {rule}",
  },
  CLUSTER_OWNER_MISMATCH: {
    status: 403,
    retry: false,
    actor: 'user',
    message: "cluster '{ref}' belongs to {owner}, not to {user}",
  },
  RESOURCES_MISMATCH: {
    status: 409,
    retry: false,
    actor: 'user',
    message: "cluster '{ref}' cannot hold what is asked: {rule}",
  },
  /** `failoverHistory` is empty when nothing could ever hold it, and lists each try when all were full. */
  RESOURCES_UNAVAILABLE: { status: 409, retry: true, actor: 'user', message: '{rule}' },
  NO_INFRA: {
    status: 409,
    retry: false,
    actor: 'operator',
    message: 'no infra is enabled: {rule}',
  },
  INFRA_IN_USE: {
    status: 409,
    retry: false,
    actor: 'user',
    message: '{ref} is in use by {clusters}: take down these first, with what lies on their nodes',
  },
  INFRA_NOT_FOUND: {
    status: 404,
    retry: false,
    actor: 'user',
    message: 'there is no infra {ref} on this head; it has {known}',
  },
  NOT_SUPPORTED: { status: 400, retry: false, actor: 'user', message: '{rule}' },
  COMMAND_FAILED: {
    status: 409,
    retry: false,
    actor: 'user',
    message: '{what} failed with exit code {exitCode}: {rule}',
  },
  JOB_NOT_FOUND: {
    status: 404,
    retry: false,
    actor: 'user',
    message: "cluster '{cluster}' has no job {ref}",
  },
  OWNED: {
    status: 409,
    retry: false,
    actor: 'user',
    message: 'instance {ref} belongs to {owner} and is changed through it: {rule}',
  },
  /** `where`: scheme, host and port. The rest of a URL may hold what is nobody else's. */
  OUTBOUND_REFUSED: {
    status: 400,
    retry: false,
    actor: 'user',
    message: '{where} is not called: {rule}',
  },
  OUTBOUND_FAILED: {
    status: 502,
    retry: true,
    actor: 'user',
    message: '{where} could not be called: {rule}',
  },
  PROTOCOL: { status: 400, retry: false, actor: 'drover', message: 'the peer broke the protocol: {rule}' },
  INTERNAL: {
    status: 500,
    retry: false,
    actor: 'drover',
    message: 'an internal error; the log of the head has it under {requestId}',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;
