/** Our errors as the exceptions that the clients raise: a class of `sky.exceptions` or a built-in one, with its arguments. */
import type { ErrorCode } from '@drover/core';
import { INTERNAL_FIELDS, TASK_FIELDS } from '@drover/core/task';
import type { ErrorFact } from '@drover/core/wire';
import { type Picklable, PyCall, PyTuple, pickleBase64 } from './pickle.ts';

export interface SkyError {
  readonly type: string;
  readonly message: string;
  readonly args: readonly Picklable[];
  readonly attributes: Readonly<Record<string, Picklable>>;
}

/** Codes whose class takes the message alone. All others are a RuntimeError. */
const CLASSES: Partial<Record<ErrorCode, string>> = {
  CLUSTER_NOT_FOUND: 'ClusterDoesNotExist',
  CLUSTER_NAME_INVALID: 'InvalidClusterNameError',
  CLUSTER_OWNER_MISMATCH: 'ClusterOwnerIdentityMismatchError',
  RESOURCES_MISMATCH: 'ResourcesMismatchError',
  NOT_SUPPORTED: 'NotSupportedError',
  NO_INFRA: 'NoCloudAccessError',
  REQUEST_CANCELLED: 'RequestCancelled',
  FORBIDDEN: 'PermissionDeniedError',
  INVALID_REQUEST: 'ValueError',
  INVALID_YAML: 'ValueError',
  INVALID_JSON: 'ValueError',
  INFRA_NOT_FOUND: 'ValueError',
  JOB_NOT_FOUND: 'ValueError',
  REQUEST_NOT_FOUND: 'ValueError',
  AMBIGUOUS: 'ValueError',
  FILES_REFUSED: 'ValueError',
};

/** Why fields of a task are refused that are right in themselves. */
const NOT_THERE = new Set(
  [...TASK_FIELDS, ...INTERNAL_FIELDS].flatMap(({ verdict, meaning }) =>
    verdict === 'refused' ? [meaning] : [],
  ),
);

/** @param verb of the request: what is told of the same thing differs between some of them */
export function skyErrorOf({ code, message, details }: ErrorFact, verb: string): SkyError {
  const plain = (type: string): SkyError => ({ type, message, args: [message], attributes: {} });
  switch (code) {
    case 'CLUSTER_NOT_UP':
      // The documented error of exec; everywhere else the class is of its own.
      if (verb === 'exec') return plain('ValueError');
      return { ...plain('ClusterNotUpError'), attributes: { cluster_status: null, handle: null } };
    case 'RESOURCES_UNAVAILABLE':
      return {
        ...plain('ResourcesUnavailableError'),
        attributes: { no_failover: false, failover_history: historyOf(details['failoverHistory']) },
      };
    case 'INVALID_TASK':
      return plain(NOT_THERE.has(String(details['rule'])) ? 'NotSupportedError' : 'ValueError');
    case 'COMMAND_FAILED':
      return verb === 'stop' || verb === 'down' ? plain('RuntimeError') : commandError(message, details);
    default:
      return plain(CLASSES[code as ErrorCode] ?? 'RuntimeError');
  }
}

/** Its arguments are its attributes. */
function commandError(message: string, details: ErrorFact['details']): SkyError {
  const { exitCode, command, what, rule } = details;
  return {
    type: 'CommandError',
    message,
    args: [],
    attributes: {
      returncode: typeof exitCode === 'number' ? exitCode : 1,
      command: String(command ?? what ?? ''),
      error_msg: message,
      detailed_reason: rule === undefined ? null : String(rule),
    },
  };
}

/** One exception for each place that was tried. */
function historyOf(history: unknown): Picklable[] {
  if (!Array.isArray(history)) return [];
  return history.map((tried: { infra?: unknown; type?: unknown; message?: unknown }) => {
    const text = `${String(tried.infra)} ${String(tried.type)}: ${String(tried.message)}`;
    return new PyCall('builtins', 'Exception', [text]);
  });
}

/** The `error` of a request: JSON text, with the exception in the one pickle that the clients still need. */
export function errorText(error: SkyError): string {
  const object = pickleBase64({
    type: error.type,
    message: error.message,
    args: new PyTuple(error.args),
    attributes: error.attributes,
    stacktrace: null,
  });
  return JSON.stringify({ object, type: error.type, message: error.message });
}

/** The `detail` of a refused validation: the same without a pickle. */
export const errorDetail = (error: SkyError): object => ({ ...error, stacktrace: null });
