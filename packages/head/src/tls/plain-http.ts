/** Who speaks plain HTTP to a port with TLS is told so, in plain HTTP: a bare reset would send people looking elsewhere. */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DroverError } from '@drover/core';
import { errorBody } from '../http/errors.ts';

/** Nothing of the request was read, and nobody was authenticated: it may hold a token that went over the wire readable. */
export function answerPlainHttp(server: Server): void {
  /** The plain end of each connection, by the port of its peer: of an end with TLS it cannot be had. */
  const plain = new Map<string, Socket>();
  const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  server.on('connection', (socket: Socket) => {
    // It has gone already.
    if (socket.remotePort === undefined) return;
    const key = keyOf(socket);
    plain.set(key, socket);
    socket.once('close', () => {
      if (plain.get(key) === socket) plain.delete(key);
    });
  });
  server.prependListener('tlsClientError', (error: NodeJS.ErrnoException, encrypted: TLSSocket) => {
    if (error.code !== 'ERR_SSL_HTTP_REQUEST') return;
    const socket = plain.get(keyOf(encrypted));
    if (!socket?.writable) return;
    socket.on('error', () => socket.destroy());
    const body = JSON.stringify(errorBody(new DroverError('TLS_REQUIRED'), randomUUID()));
    socket.end(
      `HTTP/1.1 400 Bad Request\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}
