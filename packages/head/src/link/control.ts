/** The head's end of the control links: one WebSocket per worker at `/v1/link`. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type HeadFrame, LINK_CLOSE, LINK_MESSAGE_BYTES, workerMessage } from '@drover/core/wire';
import type { Engine, LinkPort, Logger } from '@drover/engine';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Guard } from '../auth/guard.ts';
import { plainPath } from '../http/app.ts';

/** What may wait for one worker before its link counts as stuck. */
const MOST_BUFFERED_BYTES = 64 * 1024 * 1024;
/** Many large orders of one turn travel in several messages: at four bytes a character still within the limit. */
const MESSAGE_CHARACTERS = LINK_MESSAGE_BYTES / 4;
const HELLO_MS = 10_000;

export interface ControlLinks {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells every worker to come back later. */
  close(): void;
}

export function makeControlLinks(engine: Engine, guard: Guard, log: Logger): ControlLinks {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: LINK_MESSAGE_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
  });
  return {
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      if (plainPath(request.url ?? '').split('?')[0] !== '/v1/link') return refuse(socket, 404, 'Not Found');
      // A browser always sends Origin; a worker never does.
      if (request.headers.origin !== undefined) return refuse(socket, 403, 'Forbidden');
      let workerId: string;
      try {
        workerId = guard.worker(request);
      } catch {
        return refuse(socket, 401, 'Unauthorized');
      }
      server.handleUpgrade(request, socket, head, (ws) => serve(engine, workerId, ws, log));
    },
    close() {
      for (const ws of server.clients) ws.close(LINK_CLOSE.stopping, 'the head is stopping');
      server.close();
    },
  };
}

function refuse(socket: Duplex, status: number, text: string): void {
  socket.end(`HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function serve(engine: Engine, workerId: string, ws: WebSocket, log: Logger): void {
  let outbox: HeadFrame[] = [];
  const flush = (): void => {
    const frames = outbox.map((frame) => JSON.stringify(frame));
    outbox = [];
    if (ws.readyState !== ws.OPEN) return;
    const fences = `{"herd":"${engine.herd}","epoch":${engine.state.epoch},"rev":${engine.state.rev},"frames":[`;
    for (const part of inParts(frames, MESSAGE_CHARACTERS)) ws.send(`${fences}${part.join(',')}]}`);
    if (ws.bufferedAmount > MOST_BUFFERED_BYTES) ws.terminate();
  };
  const port: LinkPort = {
    // Frames of one turn travel in one message.
    send(frames) {
      if (outbox.length === 0) queueMicrotask(flush);
      outbox.push(...frames);
    },
    close(code, reason) {
      flush();
      ws.close(code, reason.slice(0, 120));
    },
  };
  const session = engine.openSession(workerId, port);
  const helloTimer = setTimeout(() => ws.close(LINK_CLOSE.protocol, 'no hello came'), HELLO_MS);
  ws.on('message', (data, isBinary) => {
    clearTimeout(helloTimer);
    let raw: unknown;
    try {
      raw = isBinary ? undefined : JSON.parse(data.toString());
    } catch {
      raw = undefined;
    }
    const parsed = workerMessage.safeParse(raw);
    if (parsed.success) return session.receive(parsed.data);
    const where = parsed.error.issues[0];
    log.warn(
      { worker: workerId, at: where?.path.join('.'), rule: where?.message },
      'a worker sent what is no message; its link is closed',
    );
    ws.close(LINK_CLOSE.protocol, 'not a message');
  });
  ws.on('error', (err) => log.info({ worker: workerId, err: err.message }, 'a link failed'));
  ws.on('close', () => {
    clearTimeout(helloTimer);
    session.closed();
  });
}

/** Consecutive texts in parts of at most so many characters; a longer one is a part of its own. */
function* inParts(texts: readonly string[], most: number): Generator<string[]> {
  let part: string[] = [];
  let length = 0;
  for (const text of texts) {
    if (part.length > 0 && length + text.length > most) {
      yield part;
      part = [];
      length = 0;
    }
    part.push(text);
    length += text.length;
  }
  if (part.length > 0) yield part;
}
