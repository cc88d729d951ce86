/** Files on their way: `/upload`, `/upload_v2` and `/download`. */
import { invalid } from '@drover/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Body } from './body.ts';
import { type SkypilotContext, uploaderOf } from './context.ts';
import { HOME, sendLogs } from './download.ts';

const MOST_FOLDERS = 1_000;

export function fileRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { uploads } = context;

  scope.get('/upload_v2/blob', async (request) => {
    const query = Body.ofQuery(request);
    return {
      exists: await uploads.has(uploaderOf(context, request, query.text('user_hash')), query.text('blob_id')),
    };
  });
  scope.register(async (raw) => {
    // Nothing is gathered before the route reads it.
    raw.removeAllContentTypeParsers();
    raw.addContentTypeParser('*', async () => undefined);
    const config = { rawBody: true } as object;
    for (const url of ['/upload', '/upload_v2'])
      raw.post(url, { config }, (request) => take(context, request));
  });

  scope.post('/download', async (request, reply) => {
    const folders = Body.of(request).texts('folder_paths') ?? [];
    if (folders.length > MOST_FOLDERS) throw invalid('folder_paths', `at most ${MOST_FOLDERS}`);
    reply.header('x-home-path', HOME);
    await sendLogs(context, request, reply, folders);
  });
}

async function take(context: SkypilotContext, request: FastifyRequest): Promise<object> {
  const query = Body.ofQuery(request);
  const part = {
    user: uploaderOf(context, request, query.text('user_hash')),
    id: query.text('upload_id'),
    index: query.integer('chunk_index') ?? 0,
    count: query.integer('total_chunks') ?? 1,
  };
  const missing = await context.uploads.take(part, request.raw);
  return {
    status: missing.length === 0 ? 'completed' : 'uploading',
    missing_chunks: missing.map(String),
  };
}
