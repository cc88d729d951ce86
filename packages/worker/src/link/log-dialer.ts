/** Dials bulk streams: one HTTP request each, on connections of their own, so that they never delay the control link. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { LOG_FRAME_HEADER } from '@drover/core';
import type { LogStream } from '../agent/index.ts';
import { type HeadAddress, requesterOf, type Secret, urlAt } from './head-address.ts';

/** Each chunk with its length and checksum before it: a log that comes damaged is asked for again. */
async function* inFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    const header = Buffer.alloc(LOG_FRAME_HEADER);
    header.writeUInt32BE(chunk.length, 0);
    header.writeUInt32BE(crc32(chunk), 4);
    yield header;
    yield chunk;
  }
}

/** @returns a function that sends one stream and resolves when the head has taken it all. */
export function logDialer(head: HeadAddress, secret: Secret): (stream: LogStream) => Promise<void> {
  const { request, agent } = requesterOf(head, { keepAlive: true, maxFreeSockets: 4 });
  return async (stream) => {
    const url = urlAt(head, `/v1/link/streams/${stream.ticket}`);
    const call = request(url, {
      method: 'PUT',
      agent,
      headers: {
        authorization: `Bearer ${secret.token}`,
        'content-type': 'application/octet-stream',
        'drover-log-offset': String(stream.offset),
        'drover-log-available': String(stream.available),
        'drover-log-size': String(stream.size),
        'drover-log-frames': 'crc32',
      },
    });
    const answered = new Promise<void>((resolve, reject) => {
      call.on('response', (response) => {
        response.resume();
        response.on('end', () =>
          response.statusCode === 204
            ? resolve()
            : reject(new Error(`the head answered ${response.statusCode}`)),
        );
        // A refusal before the end: stop sending.
        if (response.statusCode !== 204) call.destroy();
      });
      call.on('error', reject);
      call.on('close', () => reject(new Error('the stream was cut')));
    });
    // The header goes at once: a follower wants to know that the stream stands before its first byte.
    call.flushHeaders();
    const sent = pipeline(Readable.from(inFrames(stream.bytes)), call);
    await Promise.all([sent, answered]);
  };
}
