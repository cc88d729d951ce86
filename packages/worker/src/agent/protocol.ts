/**
 * What the worker needs of `core/wire` when it runs: its constants, and checks that accept exactly what the schemas
 * accept. Without the schemas themselves, which cost 12 MB resident and with that a part of every start of a process.
 * `protocol.test.ts` holds both to each other.
 */
import { isSha256, isUuid } from '@drover/core';
import type { AttemptFact, HeadMessage, StartOrder } from '@drover/core/wire';

export const LINK_PROTOCOL = 2;
export const OLDEST_LINK_PROTOCOL = 1;
/** The largest control message, either way. */
export const LINK_MESSAGE_BYTES = 16 * 1024 * 1024;
/** WebSocket close codes that a worker sends or understands. */
export const LINK_CLOSE = { protocol: 4400, identityInUse: 4409, deleted: 4410, revoked: 4411 } as const;
/** A log of at most so many bytes rides in the report of its end. */
export const INLINE_LOG_BYTES = 16 * 1024;

/** The line that stands for one attempt in the inventory's digest. */
export const digestLine = (fact: Pick<AttemptFact, 'instance' | 'attempt' | 'phase'>): string =>
  `${fact.instance} ${fact.attempt} ${fact.phase}`;

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const isNumber: Check = (value) => Number.isFinite(value);
const isInt: Check = (value) => Number.isSafeInteger(value);
const isId: Check = (value) => typeof value === 'string' && isUuid(value);
const atLeast =
  (least: number): Check =>
  (value) =>
    isInt(value) && (value as number) >= least;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const orNothing =
  (check: Check): Check =>
  (value) =>
    value == null || check(value);
const listOf =
  (check: Check, least = 0): Check =>
  (value) =>
    Array.isArray(value) && value.length >= least && value.every(check);
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTextMap: Check = (value) => isMap(value) && Object.values(value).every(isText);

/** Every field is there and passes; others are let be. */
function shape(fields: Record<string, Check>): Check {
  const entries = Object.entries(fields);
  return (value) => isMap(value) && entries.every(([key, check]) => check(value[key]));
}

const HOME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;
const isHome: Check = (value) => typeof value === 'string' && HOME.test(value);

const attemptRef = { instance: isId, attempt: atLeast(1) };
const checkOrder = shape({
  ...attemptRef,
  name: orNull(isText),
  command: (value) => isText(value) || listOf(isText, 1)(value),
  env: isTextMap,
  venv: orNull(isText),
  workdir: orNull(isText),
  gpuIndices: listOf(isInt),
  cpu: isNumber,
  memoryMiB: isInt,
  graceMs: isInt,
  logCapBytes: isInt,
  stopAfterMs: orNothing(isInt),
  home: orNothing(isHome),
  files: orNothing(listOf(shape({ tree: isSha256, target: isText }))),
  context: orNothing(isTextMap),
  removeHome: orNothing(isFlag),
});

const frames = new Map<unknown, Check>(
  Object.entries({
    welcome: shape({
      protocol: optional(isInt),
      workerId: isId,
      pingMs: isInt,
      leaseMs: isInt,
      sendInventory: isFlag,
    }),
    start: shape({ order: checkOrder }),
    stop: shape({ ...attemptRef, graceMs: isInt }),
    settled: shape({}),
    forget: shape(attemptRef),
    unknown: shape(attemptRef),
    pong: shape({ sentMs: isNumber }),
    sendLog: shape({
      ...attemptRef,
      ticket: isText,
      offset: isNumber,
      limit: orNull(isNumber),
      follow: isFlag,
    }),
  } satisfies Record<HeadMessage['frames'][number]['type'], Check>),
);
const checkMessage = shape({
  n: optional(atLeast(1)),
  herd: isId,
  epoch: atLeast(1),
  rev: atLeast(0),
  frames: listOf((frame) => isMap(frame) && frames.get(frame['type'])?.(frame) === true, 1),
});

export const isStartOrder = (value: unknown): value is StartOrder => checkOrder(value);
export const isHeadMessage = (value: unknown): value is HeadMessage => checkMessage(value);
