/** `/v1/files` and `/v1/trees`: what people send, and what workers fetch of it under `/v1/link`. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  BrokenPack,
  DroverError,
  isDroverError,
  MOST_PACK_BYTES,
  PACKED_BYTES,
  readPack,
  Slots,
} from '@drover/core';
import {
  contentQuery,
  contentReply,
  filesMissing,
  filesMissingReply,
  packQuery,
  packReply,
  sha256,
  treeReply,
} from '@drover/core/wire';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { FileStore } from '../files/file-store.ts';
import { FileGrants } from '../files/grants.ts';
import { entriesOf } from '../files/tree-text.ts';
import type { App, RouteContext } from './app.ts';

/** The largest part of a content in one call, and the largest text of a tree. */
const MOST_PART_BYTES = 64 * 1024 * 1024;
const MOST_TREE_BYTES = 256 * 1024 * 1024;
/** Packs that are held in memory at once. */
const PACKS_AT_ONCE = 4;
/** A body of which nothing comes for so long is cut: its sender goes on where it was. */
const SILENT_MS = 20_000;
const contentParams = z.object({ sha256: sha256.describe('Of the whole content.') });
const treeParams = z.object({ tree: sha256 });

export function fileRoutes(app: App, context: RouteContext & { readonly files: FileStore }): void {
  const { files } = context;
  app.post(
    '/v1/files/missing',
    {
      config: { access: 'user' },
      schema: {
        operationId: 'filesMissing',
        description: 'Ask before sending: what the head has need not be sent again.',
        summary: 'Which of these contents the head does not have',
        body: filesMissing,
        response: { 200: filesMissingReply },
      },
    },
    async (request) => ({ missing: await files.missing(request.body.sha256) }),
  );
  app.register(async (scope) => sendRoutes(scope as unknown as App, files));
  workerRoutes(app, context);
}

/** Raw bodies: nothing is gathered before the route reads it. */
function sendRoutes(app: App, files: FileStore): void {
  const packs = new Slots(PACKS_AT_ONCE);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(['application/octet-stream', 'application/json'], async () => undefined);

  app.put(
    '/v1/files/:sha256',
    {
      config: { access: 'user', rawBody: true },
      schema: {
        operationId: 'filesPut',
        description:
          'At most 64 MiB a part. When the head has another number of bytes than `offset` says, CONTENT_OFFSET tells how many: go on there.',
        errors: ['CONTENT_MISMATCH', 'CONTENT_OFFSET', 'FILES_FULL'],
        summary: 'Send one part of a content as raw bytes; the last one completes it',
        params: contentParams,
        querystring: contentQuery,
        consumes: ['application/octet-stream'],
        response: { 200: contentReply },
      },
    },
    async (request) => {
      const { offset, size } = request.query;
      const part = { sha256: request.params.sha256, offset, size };
      const stored = await files.uploads.take(part, bodyOf(request.raw, MOST_PART_BYTES));
      return { stored, complete: stored === size };
    },
  );

  app.post(
    '/v1/files/pack',
    {
      config: { access: 'user', rawBody: true },
      schema: {
        operationId: 'filesPutPack',
        description:
          'Each content is its SHA-256 (32 bytes), its length (4 bytes, big endian), and its bytes.',
        errors: ['CONTENT_MISMATCH', 'FILES_FULL'],
        summary: 'Send many small contents at once',
        consumes: ['application/octet-stream'],
        response: { 200: packReply },
      },
    },
    async (request) =>
      packs.use(async () => {
        try {
          return await files.putPack(readPack(bodyOf(request.raw, MOST_PACK_BYTES)));
        } catch (error) {
          if (error instanceof BrokenPack)
            throw new DroverError('CONTENT_MISMATCH', { sha256: 'of a pack', rule: error.message });
          throw error;
        }
      }, request.actor?.name),
  );

  app.post(
    '/v1/trees',
    {
      config: { access: 'user', rawBody: true },
      schema: {
        operationId: 'filesPutTree',
        description:
          'A tree names a folder: one entry per line, see docs/files.md. Its id is what a task has as `workdir` or in `fileMounts`.',
        errors: ['CONTENT_MISSING', 'FILES_FULL', 'INVALID_JSON'],
        consumes: ['application/octet-stream'],
        summary: 'Name a folder by its contents, all of which the head has',
        response: { 200: treeReply },
      },
    },
    async (request) => files.putEntries(entriesOf(bodyOf(request.raw, MOST_TREE_BYTES))),
  );
}

function workerRoutes(
  app: App,
  { engine, guard, files, log }: RouteContext & { readonly files: FileStore },
): void {
  const grants = new FileGrants(
    (workerId) => engine.treesOn(workerId),
    (tree) => files.readTree(tree),
  );
  const send = async (reply: FastifyReply, id: string, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
    await pipeline(Readable.from(bytes, { objectMode: false }), reply.raw).catch((err: unknown) => {
      log.info({ requestId: id, err }, 'a worker that fetched files went away');
      reply.raw.destroy();
    });
  };
  const hidden = { config: { access: 'worker' as const } };

  app.get(
    '/v1/link/trees/:tree',
    { ...hidden, schema: { hide: true, params: treeParams } as never },
    async (request, reply) => {
      const { tree } = request.params as { tree: string };
      if (!grants.mayReadTree(guard.worker(request.raw), tree))
        throw new DroverError('TREE_NOT_FOUND', { tree });
      const found = await files.treeStream(tree);
      if (!found) throw new DroverError('TREE_NOT_FOUND', { tree });
      await send(reply, request.id, found.bytes);
    },
  );

  app.get(
    '/v1/link/files/:sha256',
    {
      ...hidden,
      schema: {
        hide: true,
        params: contentParams,
        querystring: z.strictObject({ offset: z.coerce.number<string>().int().min(0).default(0) }),
      } as never,
    },
    async (request, reply) => {
      const { sha256: wanted } = request.params as { sha256: string };
      const { offset } = request.query as { offset: number };
      if (!(await grants.mayReadContents(guard.worker(request.raw), [wanted])))
        throw new DroverError('CONTENT_NOT_FOUND', { sha256: wanted });
      const bytes = await files.contentFrom(wanted, offset);
      if (!bytes) throw new DroverError('CONTENT_NOT_FOUND', { sha256: wanted });
      await send(reply, request.id, bytes);
    },
  );

  app.post(
    '/v1/link/files',
    { ...hidden, schema: { hide: true, body: packQuery } as never },
    async (request, reply) => {
      const { sha256: wanted } = request.body as z.output<typeof packQuery>;
      if (!(await grants.mayReadContents(guard.worker(request.raw), wanted)))
        throw new DroverError('CONTENT_NOT_FOUND', { sha256: wanted[0] });
      for (const each of wanted) {
        const size = await files.size(each);
        if (size === null || size > PACKED_BYTES)
          throw new DroverError('CONTENT_NOT_FOUND', { sha256: each });
      }
      await send(reply, request.id, files.packOf(wanted));
    },
  );
}

/** The bytes of the body. @throws {DroverError} BODY_TOO_LARGE; TIMEOUT when it is cut or silent */
async function* bodyOf(raw: IncomingMessage, limit: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let waitingSince = performance.now();
  const watch = setInterval(() => {
    if (performance.now() - waitingSince > SILENT_MS) raw.destroy();
  }, SILENT_MS / 4);
  try {
    // A reader that refuses what has come leaves the connection open for its answer.
    for await (const chunk of raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > limit) throw new DroverError('BODY_TOO_LARGE', { limit });
      // Only while a byte is waited for: a slow disk is not the sender's silence.
      waitingSince = Number.POSITIVE_INFINITY;
      yield chunk;
      waitingSince = performance.now();
    }
  } catch (error) {
    if (isDroverError(error)) throw error;
  } finally {
    clearInterval(watch);
    raw.resume();
  }
  if (!raw.complete) throw new DroverError('TIMEOUT', { what: 'the rest of the body', timeoutMs: SILENT_MS });
}
