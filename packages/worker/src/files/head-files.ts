/** Files as the head gives them to a worker, over HTTP with its identity. By `node:http`: see `link/post-json.ts`. */
import type http from 'node:http';
import type { StopSignal } from '../agent/index.ts';
import { type HeadAddress, requesterOf, type Secret, urlAt, whyFailed } from '../link/head-address.ts';

/** Connections to the head for files; what else is asked for waits. */
const CONNECTIONS = 6;
/** A head that says nothing for so long has gone. */
const SILENT_MS = 30_000;

/** The head answered that it does not have it: asking again does not help. */
export class NotAtHead extends Error {}

/** The way to the files of one head. Whatever it throws but {@link NotAtHead} may pass. */
export interface HeadFiles {
  /** The text of a tree. */
  tree(id: string, stop: StopSignal): Promise<AsyncIterable<Uint8Array>>;
  /** A pack of small contents. */
  pack(hashes: readonly string[], stop: StopSignal): Promise<AsyncIterable<Uint8Array>>;
  /** One content from an offset on. */
  content(sha256: string, offset: number, stop: StopSignal): Promise<AsyncIterable<Uint8Array>>;
}

export function headFiles(head: HeadAddress, secret: Secret): HeadFiles {
  const { request, agent } = requesterOf(head, {
    keepAlive: true,
    maxSockets: CONNECTIONS,
    maxFreeSockets: 1,
  });

  const call = (method: string, path: string, body: unknown, stop: StopSignal) =>
    new Promise<AsyncIterable<Uint8Array>>((resolve, reject) => {
      const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
      const headers: http.OutgoingHttpHeaders = { authorization: `Bearer ${secret.token}` };
      if (bytes !== null) {
        headers['content-type'] = 'application/json';
        headers['content-length'] = bytes.length;
      }
      const sent = request(urlAt(head, path), { method, agent, headers, timeout: SILENT_MS }, (response) => {
        if (response.statusCode === 200) {
          resolve(bytesOf(response));
          return;
        }
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          if (text.length < 10_000) text += part;
        });
        response.on('error', reject);
        response.on('end', () => reject(refusal(response.statusCode ?? 0, text)));
      });
      const unfollow = stop.onStop(() => sent.destroy(new Error('stopped')));
      sent.on('timeout', () => sent.destroy(new Error('the head says nothing')));
      sent.on('close', unfollow);
      sent.on('error', (cause) => reject(new Error(whyFailed(cause), { cause })));
      sent.end(bytes);
    });

  return {
    tree: (id, stop) => call('GET', `/v1/link/trees/${id}`, undefined, stop),
    pack: (hashes, stop) => call('POST', '/v1/link/files', { sha256: hashes }, stop),
    content: (sha256, offset, stop) =>
      call('GET', `/v1/link/files/${sha256}?offset=${offset}`, undefined, stop),
  };
}

async function* bytesOf(response: http.IncomingMessage): AsyncGenerator<Uint8Array> {
  for await (const chunk of response) yield chunk as Uint8Array;
  if (!response.complete) throw new Error('the answer was cut');
}

function refusal(status: number, text: string): Error {
  let said = `the head answered ${status}`;
  try {
    said = (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    // Not of a head: its status must do.
  }
  return status === 404 ? new NotAtHead(said) : new Error(said);
}
