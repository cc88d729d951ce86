/** The control link: one outbound WebSocket, dialled again for ever with back-off and jitter. */
import type { HeadMessage, WorkerMessage } from '@drover/core/wire';
import WebSocket from 'ws';
import { type Agent, isHeadMessage, LINK_CLOSE, LINK_MESSAGE_BYTES, type Logger } from '../agent/index.ts';

const BACK_OFF_MS = { first: 50, most: 5_000 } as const;
const DIAL_MS = 10_000;
/** What may wait in the socket before the link counts as stuck. */
const MOST_BUFFERED_BYTES = 64 * 1024 * 1024;

export interface ControlLinkOptions {
  /** Base URL of the head, http or https. */
  readonly headUrl: string;
  readonly token: string;
  readonly agent: Agent;
  readonly log: Logger;
  /** The head refuses this identity for good. */
  readonly onRefused: (reason: string) => void;
}

/** @returns the way to close it for good. */
export function openControlLink(options: ControlLinkOptions): { close(): void } {
  const { agent, log } = options;
  const url = `${options.headUrl.replace(/^http/, 'ws').replace(/\/+$/, '')}/v1/link`;
  let backOffMs: number = BACK_OFF_MS.first;
  let closed = false;
  let socket: WebSocket | null = null;
  let redial: NodeJS.Timeout | null = null;

  const dial = (): void => {
    if (closed) return;
    const ws = new WebSocket(url, {
      headers: { authorization: `Bearer ${options.token}` },
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
        ws.send(JSON.stringify(message));
        return true;
      },
      reset(why: string): void {
        log.warn({ why }, 'the link is dialled again');
        ws.terminate();
      },
    };
    let refused: string | null = null;
    ws.on('open', () => agent.opened(port));
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
      if (response.statusCode === 401 || response.statusCode === 403)
        refused = 'the head does not know this identity';
      ws.terminate();
    });
    ws.on('error', (err) => log.info({ err: err.message }, 'the link failed'));
    ws.on('close', (code, reason) => {
      if (socket !== ws) return;
      socket = null;
      agent.closed();
      if (closed) return;
      if (refused ?? code === LINK_CLOSE.deleted) {
        options.onRefused(refused ?? 'this worker has been deleted at the head');
        return;
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

function parseMessage(data: WebSocket.RawData): HeadMessage | null {
  try {
    const parsed: unknown = JSON.parse(data.toString());
    return isHeadMessage(parsed) ? parsed : null;
  } catch {
    return null;
  }
}
