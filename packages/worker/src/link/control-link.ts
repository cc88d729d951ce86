/** The control link: one outbound WebSocket, dialled again for ever with back-off and jitter. */
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { isIntact, sealMessage } from '@drover/core';
import type { ErrorBody, HeadMessage, WorkerMessage } from '@drover/core/wire';
import WebSocket from 'ws';
import { type Agent, isHeadMessage, LINK_CLOSE, LINK_MESSAGE_BYTES, type Logger } from '../agent/index.ts';
import { type HeadAddress, isMistrust, type Secret, trustOf, urlAt, whyFailed } from './head-address.ts';

const BACK_OFF_MS = { first: 50, most: 5_000 } as const;
const DIAL_MS = 10_000;
/**
 * A 401 or 403 may pass: a head that was restored from an older copy does not know this identity until it gets the
 * newer one back, and a proxy may answer for it. So the worker says so, dials on, more slowly, and keeps its instances,
 * which are then stopped, trimmed and reported by somebody when the head is mended. It gives up after so many in a row,
 * each of all its secrets, and only once nothing runs here: then there is nothing to lose. That it was deleted a head says by a close code,
 * which ends it at once.
 */
const REFUSALS = 5;
const REFUSED_BACK_OFF_MS = { first: 500, most: 30_000 } as const;
/** What may wait in the socket before the link counts as stuck. */
const MOST_BUFFERED_BYTES = 64 * 1024 * 1024;
const MOST_REFUSAL_CHARACTERS = 4096;

export interface ControlLinkOptions {
  readonly head: HeadAddress;
  /** `refused` says whether another one is shown now, which is tried before the refusal counts. */
  readonly secret: Secret & { refused?(): boolean };
  readonly agent: Agent;
  readonly log: Logger;
  /** The head refuses this identity for good. */
  readonly onRefused: (reason: string) => void;
  /** For tests: the first wait after a refusal. */
  readonly refusedBackOffMs?: number;
}

/** @returns the way to close it for good. */
export function openControlLink(options: ControlLinkOptions): { close(): void } {
  const { agent, log } = options;
  const url = urlAt(options.head, '/v1/link').replace(/^http/, 'ws');
  const firstRefusedMs = options.refusedBackOffMs ?? REFUSED_BACK_OFF_MS.first;
  let backOffMs: number = BACK_OFF_MS.first;
  let refusals = 0;
  let closed = false;
  let socket: WebSocket | null = null;
  let redial: NodeJS.Timeout | null = null;

  /** @returns the wait before the next dial; null: there is none */
  const afterRefusal = (status: number): number | null => {
    if (options.secret.refused?.()) return firstRefusedMs;
    refusals += 1;
    const { running } = agent;
    log.error(
      { status, refusals, running },
      'the head does not know this identity; the instances here are kept, and the head is dialled again',
    );
    if (refusals >= REFUSALS && running === 0) return null;
    return Math.min(firstRefusedMs * 2 ** (refusals - 1), REFUSED_BACK_OFF_MS.most);
  };

  const dial = (): void => {
    if (closed) return;
    const ws = new WebSocket(url, {
      ...trustOf(options.head),
      headers: { authorization: `Bearer ${options.secret.token}` },
      handshakeTimeout: DIAL_MS,
      maxPayload: LINK_MESSAGE_BYTES,
      perMessageDeflate: false,
    });
    socket = ws;
    const port = {
      send(message: WorkerMessage): boolean {
        if (ws.readyState !== WebSocket.OPEN) return false;
        if (ws.bufferedAmount > MOST_BUFFERED_BYTES) {
          ws.terminate();
          return false;
        }
        ws.send(sealMessage(JSON.stringify(message), crc32));
        return true;
      },
      reset(why: string): void {
        log.warn({ why }, 'the link is dialled again');
        ws.terminate();
      },
    };
    let refused: number | null = null;
    ws.on('open', () => {
      refusals = 0;
      agent.opened(port);
    });
    ws.on('message', (data) => {
      const message = parseMessage(data);
      if (message) {
        if (agent.isWelcome) backOffMs = BACK_OFF_MS.first;
        agent.receive(message);
      } else {
        log.warn({}, 'the head sent what is no message; the link is dialled again');
        ws.close(LINK_CLOSE.protocol, 'not a message');
      }
    });
    ws.on('unexpected-response', (_request, response) => {
      if (response.statusCode === 401 || response.statusCode === 403) refused = response.statusCode;
      void refusalOf(response).then((why) => {
        log.info({ status: response.statusCode, why }, 'the head did not take the link');
        ws.terminate();
      });
    });
    ws.on('error', (err) =>
      log[isMistrust(err) ? 'error' : 'info']({ err: whyFailed(err) }, 'the link failed'),
    );
    ws.on('close', (code, reason) => {
      if (socket !== ws) return;
      socket = null;
      const wasWelcome = agent.isWelcome;
      agent.closed();
      if (closed) return;
      if (code === LINK_CLOSE.deleted) {
        options.onRefused('this worker has been deleted at the head');
        return;
      }
      if (code === LINK_CLOSE.revoked) {
        options.onRefused('the identity of this worker was revoked at the head');
        return;
      }
      if (refused !== null) {
        const waitMs = afterRefusal(refused);
        if (waitMs === null) options.onRefused('the head does not know this identity');
        else redial = setTimeout(dial, waitMs * (0.5 + Math.random()));
        return;
      }
      if (code === LINK_CLOSE.protocol) {
        log.error({ reason: reason.toString() }, 'the head refuses what this worker says');
        if (!wasWelcome && /link protocol/.test(reason.toString())) agent.offerOther();
      }
      if (code === LINK_CLOSE.identityInUse)
        log.error(
          { reason: reason.toString() },
          'the head refuses this worker: another process uses its identity',
        );
      redial = setTimeout(dial, backOffMs * (0.5 + Math.random()));
      backOffMs = Math.min(backOffMs * 2, BACK_OFF_MS.most);
    });
  };
  dial();
  return {
    close(): void {
      closed = true;
      if (redial) clearTimeout(redial);
      socket?.close(1000, 'the worker is stopping');
    },
  };
}

/** What the head says to a dial that it does not take, as far as it is short. Never throws. */
async function refusalOf(response: IncomingMessage): Promise<string> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      if (text.length > MOST_REFUSAL_CHARACTERS) break;
    }
    return (JSON.parse(text) as ErrorBody).error.message;
  } catch {
    // Cut, or not of a head.
    return text.slice(0, 200);
  }
}

function parseMessage(data: WebSocket.RawData): HeadMessage | null {
  try {
    const text = data.toString();
    if (!isIntact(text, crc32)) return null;
    const parsed: unknown = JSON.parse(text);
    return isHeadMessage(parsed) ? parsed : null;
  } catch {
    return null;
  }
}
