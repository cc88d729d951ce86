import { type DroverError, isDroverError } from '@drover/core';
import {
  ConnectionError,
  InstanceTerminatedError,
  NotFoundError,
  PyletError,
  TimeoutError,
  ValueError,
} from './errors.ts';

/** Fields of the wire in the words of this view. */
const FIELDS: Readonly<Record<string, string>> = {
  'resources.cpu': 'cpu',
  'resources.gpus': 'gpu',
  'resources.memoryMiB': 'memory',
  ref: 'name',
};

/** Runs a call and turns its DroverError into the error that the seed names. Other errors (an abort) pass. */
export async function inSeedsWords<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw isDroverError(error) ? translate(error) : error;
  }
}

function translate(error: DroverError): Error {
  const options = { cause: error };
  const { message } = error;
  switch (error.code) {
    case 'INVALID_REQUEST':
      return invalidField(error);
    case 'NAME_TAKEN':
      return new ValueError(message, 'name', options);
    case 'TARGET_WORKER_NOT_ONLINE':
      return new ValueError(message, 'targetWorker', options);
    case 'WORKER_NOT_OFFLINE':
      return new ValueError(message, 'workerId', options);
    case 'AMBIGUOUS':
      return new ValueError(message, 'id', options);
    case 'INSTANCE_NOT_FOUND':
    case 'WORKER_NOT_FOUND':
      return new NotFoundError(message, options);
    case 'ALREADY_FINAL':
      return new InstanceTerminatedError(message, options);
    case 'TIMEOUT':
      return new TimeoutError(message, options);
    case 'HEAD_UNREACHABLE':
      return new ConnectionError(message, options);
    default:
      return new PyletError(message, options);
  }
}

function invalidField(error: DroverError): ValueError {
  const { field, rule } = error.details;
  const options = { cause: error };
  if (typeof field !== 'string') return new ValueError(error.message, null, options);
  const known = FIELDS[field];
  // labels.team and gpuIndices.0 belong to the argument that holds them.
  const name = known ?? field.split(/[.[]/)[0] ?? field;
  const message = known === undefined || typeof rule !== 'string' ? error.message : `${name}: ${rule}`;
  return new ValueError(message, name, options);
}
