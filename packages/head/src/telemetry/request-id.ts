/** The id of a call, by which its lines in the logs, its events and its error are found. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Of the call and of the reply. */
export const REQUEST_ID_HEADER = 'drover-request-id';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * What the caller has chosen, if it is a UUID in small letters; else a new one. It names and gives no right: a caller that
 * sends the same one twice only makes its own calls harder to tell apart.
 */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && UUID.test(given) ? given : randomUUID();
}
