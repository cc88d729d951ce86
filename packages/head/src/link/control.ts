/** The head's end of the control links: one WebSocket per worker at `/v1/link`. */
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { crc32 } from 'node:zlib';
import { DroverError, isDroverError, isIntact, sealMessage, shorten } from '@drover/core';
import { type HeadFrame, LINK_CLOSE, LINK_MESSAGE_BYTES, workerMessage } from '@drover/core/wire';
import type { Engine, LinkPort, Logger } from '@drover/engine';
import { type WebSocket, WebSocketServer } from 'ws';
import type { CallLimits } from '../auth/call-limits.ts';
import { type Denials, strangerFrom } from '../auth/denials.ts';
import { type Guard, strangerKey } from '../auth/guard.ts';
import { plainPath } from '../http/app.ts';
import { errorBody } from '../http/errors.ts';
import type { HostRules } from '../http/host-rules.ts';
import { brokenShape } from '../http/json-shape.ts';

/** What may wait for one worker before its link counts as stuck. */
const MOST_BUFFERED_BYTES = 64 * 1024 * 1024;
/** Many large orders of one turn travel in several messages: at four bytes a character still within the limit. */
const MESSAGE_CHARACTERS = LINK_MESSAGE_BYTES / 4;
const HELLO_MS = 10_000;
/** Links of one identity that have said nothing yet; a worker has one. */
const MOST_SILENT = 4;
/** What one worker may have in hand here that is not taken in yet; beyond it nothing more of it is read. */
const MOST_TAKING_IN_BYTES = LINK_MESSAGE_BYTES;
/** What the smallest message counts for: its frames take room too. */
const LEAST_MESSAGE_BYTES = 1024;
/** Messages of one worker: so many at once, and so many in each second after that. */
const MESSAGE_RATE = { burst: 10_000, perSecond: 2_000 };
const TOO_MANY_MESSAGES = 4429;
/** How long a worker that is told to go may take to answer. */
const FAREWELL_MS = 2_000;

export interface ControlLinks {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells every worker to come back later. */
  close(): void;
  /** Ends what has not answered that. */
  cut(): void;
}

/** What counts and tells of those that are not let in. */
export interface RefusedLinks {
  /** By address; null: as many as they like. */
  readonly limits: CallLimits | null;
  readonly denials: Pick<Denials, 'tell'>;
}

export function makeControlLinks(
  engine: Engine,
  guard: Guard,
  hosts: HostRules,
  log: Logger,
  { limits, denials }: RefusedLinks,
): ControlLinks {
  const silent = new SilentLinks();
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: LINK_MESSAGE_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
  });
  return {
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      let workerId: string;
      try {
        hosts.check(request);
        const path = plainPath(request.url ?? '').split('?')[0] ?? '';
        if (path !== '/v1/link')
          throw new DroverError('ROUTE_NOT_FOUND', { method: 'GET', path: path.slice(0, 200) });
        const { host, origin } = request.headers;
        // A browser always sends Origin, also to its own site; a worker never does.
        if (origin !== undefined)
          throw new DroverError('ORIGIN_REFUSED', { origin: shorten(origin), host: shorten(host ?? '') });
        workerId = guard.worker(request);
        silent.assertRoom(workerId);
      } catch (thrown) {
        if (!isDroverError(thrown)) log.error({ err: thrown }, 'could not judge who opens a link');
        const error = isDroverError(thrown) ? thrown : new DroverError('INTERNAL');
        const who = strangerFrom(request.socket.remoteAddress, randomUUID());
        denials.tell(who, error, { method: 'GET', route: '/v1/link' });
        if (mayAnswer(limits, strangerKey(request), error.status)) refuse(socket, error);
        else socket.destroy();
        return;
      }
      server.handleUpgrade(request, socket, head, (ws) =>
        serve(engine, workerId, ws, log, silent.begun(workerId)),
      );
    },
    close() {
      for (const ws of server.clients) ws.close(LINK_CLOSE.stopping, 'the head is stopping');
      server.close();
    },
    cut() {
      for (const ws of server.clients) ws.terminate();
    },
  };
}

/** A flood costs no more than its first answers. */
function mayAnswer(limits: CallLimits | null, key: string, status: number): boolean {
  const verdict = limits?.begin(key) ?? 'welcome';
  if (verdict === 'welcome') limits?.done(key, status);
  else if (verdict === 'hold') void limits?.hold(key);
  return verdict === 'welcome';
}

function refuse(socket: Duplex, error: DroverError): void {
  const body = JSON.stringify(errorBody(error, randomUUID()));
  // A peer that keeps its end open holds up nothing.
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\nConnection: close\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** @param spoken to be called when the worker has said something, or is gone */
function serve(engine: Engine, workerId: string, ws: WebSocket, log: Logger, spoken: () => void): void {
  let outbox: HeadFrame[] = [];
  let number = 0;
  const flush = (): void => {
    const frames = outbox.map((frame) => JSON.stringify(frame));
    outbox = [];
    if (ws.readyState !== ws.OPEN) return;
    const { epoch, durableRev } = engine.state;
    const fences = `"herd":"${engine.herd}","epoch":${epoch},"rev":${durableRev},"frames":[`;
    for (const part of inParts(frames, MESSAGE_CHARACTERS)) {
      number += 1;
      ws.send(sealMessage(`{"n":${number},${fences}${part.join(',')}]}`, crc32));
    }
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
      ws.resume();
    },
  };
  const session = engine.openSession(workerId, port);
  const helloTimer = setTimeout(() => ws.close(LINK_CLOSE.protocol, 'no hello came'), HELLO_MS);
  const intake = new Intake(ws);
  const mayCome = rateLimit(MESSAGE_RATE);
  let farewell: NodeJS.Timeout | undefined;
  /** False: nothing of it is looked at any more. */
  const isWelcome = (): boolean => {
    if (ws.readyState !== ws.OPEN) return false;
    if (mayCome()) return true;
    log.warn({ worker: workerId }, 'a worker sends too many messages; its link is closed');
    ws.close(TOO_MANY_MESSAGES, 'too many messages');
    farewell = setTimeout(() => ws.terminate(), FAREWELL_MS);
    return false;
  };
  ws.on('ping', isWelcome);
  ws.on('message', (data, isBinary) => {
    clearTimeout(helloTimer);
    if (!isWelcome()) return;
    const text = isBinary ? '' : data.toString();
    const parsed = workerMessage.safeParse(isIntact(text, crc32) ? parseJson(text) : 'damaged');
    if (parsed.success) {
      spoken();
      intake.take(text.length, session.receive(parsed.data));
      return;
    }
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
    clearTimeout(farewell);
    spoken();
    session.closed();
  });
}

/** Undefined: it is no JSON, or so deeply nested that looking at it would hold up the head. */
function parseJson(text: string): unknown {
  if (brokenShape(text, Number.POSITIVE_INFINITY) !== null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Links on which nothing was said yet, by worker: each holds a place, and its identity is all that it has shown. */
class SilentLinks {
  readonly #of = new Map<string, number>();

  /** @throws {DroverError} TOO_MANY_REQUESTS */
  assertRoom(workerId: string): void {
    if ((this.#of.get(workerId) ?? 0) >= MOST_SILENT)
      throw new DroverError('TOO_MANY_REQUESTS', { limit: MOST_SILENT, what: 'links without a word' });
  }

  /** @returns to be called when it is one no more; more than once is once */
  begun(workerId: string): () => void {
    this.#of.set(workerId, (this.#of.get(workerId) ?? 0) + 1);
    let isSilent = true;
    return () => {
      if (!isSilent) return;
      isSilent = false;
      const left = (this.#of.get(workerId) ?? 1) - 1;
      if (left > 0) this.#of.set(workerId, left);
      else this.#of.delete(workerId);
    };
  }
}

/** Back-pressure: a worker whose messages are taken in slowly (its logs go to a slow disk) is read slowly. */
class Intake {
  readonly #ws: WebSocket;
  #bytes = 0;

  constructor(ws: WebSocket) {
    this.#ws = ws;
  }

  /** @param taken a promise: until it is settled the message counts as in hand */
  take(length: number, taken: unknown): void {
    if (!(taken instanceof Promise)) return;
    const bytes = Math.max(length, LEAST_MESSAGE_BYTES);
    this.#bytes += bytes;
    if (this.#bytes > MOST_TAKING_IN_BYTES) this.#ws.pause();
    const done = (): void => {
      this.#bytes -= bytes;
      if (this.#ws.isPaused && this.#bytes <= MOST_TAKING_IN_BYTES) this.#ws.resume();
    };
    taken.then(done, done);
  }
}

/** A token bucket. @returns asks for one; false: there is none left */
function rateLimit({ burst, perSecond }: typeof MESSAGE_RATE): () => boolean {
  let left = burst;
  let atMs = performance.now();
  return () => {
    const nowMs = performance.now();
    left = Math.min(burst, left + ((nowMs - atMs) * perSecond) / 1000);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
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
