/** What a route says of itself for the document, beside the schemas that validate. Nothing here changes how it answers. */
import type { ErrorCode } from '@drover/core';
import type { z } from 'zod';

/** A header that a caller may send. The route checks it itself. */
interface RequestHeader {
  readonly description: string;
  readonly schema: z.ZodType;
}

declare module 'fastify' {
  interface FastifySchema {
    /** The noun and the verb, as the SDK calls it: `instancesList`. Its beginning is one of the nouns of nouns.ts. */
    operationId?: string;
    /** One line. */
    summary?: string;
    /** What a caller has to know beside the fields; paragraphs are set apart by an empty line, code by backticks. */
    description?: string;
    /** Left out of the document: for workers, or for the head itself. */
    hide?: boolean;
    /** What it refuses with, beside what every route can answer (see errors.ts). */
    errors?: readonly ErrorCode[];
    /** The media type of a body that is no JSON. */
    consumes?: readonly ('application/octet-stream' | 'text/plain')[];
    /** The media type of a reply that is no JSON. */
    produces?: readonly StreamType[];
    requestHeaders?: Readonly<Record<string, RequestHeader>>;
    /** Headers of what it answers when all went well, each with its meaning. */
    replyHeaders?: Readonly<Record<string, string>>;
    /** What an answer means, by its status, where that is more than "done". */
    replies?: Readonly<Record<number, string>>;
  }
}

export type StreamType = 'application/octet-stream' | 'text/plain' | 'text/event-stream' | 'text/html';
