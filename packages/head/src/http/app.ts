/** The HTTP server without its routes: parsing, authentication, errors, limits. */
import { type ChangesIn, pyletNotFound, skypilotNotFound } from '@drover/compat';
import { DroverError, invalid } from '@drover/core';
import type { Actor, Bearer, Engine, Logger } from '@drover/engine';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
  type RouteOptions,
} from 'fastify';
import type { Door } from '../auth/door.ts';
import type { Access, Guard } from '../auth/guard.ts';
import { REQUEST_ID_HEADER, requestIdOf } from '../telemetry/request-id.ts';
import type { HeadTls } from '../tls/head-tls.ts';
import type { Abort } from './abort.ts';
import { answerClientError, HEADERS_MS, LOOK_AT_HEADERS_MS } from './client-error.ts';
import { errorBody, setErrorHandler } from './errors.ts';
import type { HostRules } from './host-rules.ts';
import { brokenShape } from './json-shape.ts';
import { endSlowBodies } from './slow-bodies.ts';
import { validatorCompiler } from './validation.ts';
import type { ZodTypeProvider } from './zod-provider.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** A call of an adapter that changes something elsewhere than in the project of its header: there it needs a user. */
    changesIn?: ChangesIn;
    /** The route reads the bytes of its body itself, within limits of its own. */
    rawBody?: boolean;
    /** Of `,` `:` `[` and `{` in its JSON body, when not MOST_TOKENS. */
    mostTokens?: number;
  }
  interface FastifyRequest {
    actor: Actor | null;
    /** Null: the head's own token, a worker, or nobody. */
    bearer: Bearer | null;
  }
}

/** What routes need beside the request. */
export interface RouteContext {
  readonly engine: Engine;
  readonly guard: Guard;
  readonly log: Logger;
  /** Null: plain HTTP. */
  readonly tls: Pick<HeadTls, 'view'> | null;
  actorOf(request: FastifyRequest): Actor;
  /** Ends waits when the client has gone or the head stops. */
  abortOf(reply: FastifyReply): Abort;
  /** @returns the way to stop listening */
  onStop(fn: () => void): () => void;
}

/** The largest JSON body. */
export const BODY_BYTES = 4 * 1024 * 1024;
/** The largest of a task that is only looked at, of an outcome that is kept, and of a list of ids. */
export const MEDIUM_BODY_BYTES = 1024 * 1024;
/** The largest where the fields are few and short, or where none are looked at. */
export const SMALL_BODY_BYTES = 64 * 1024;
/** Longer than any client keeps an idle connection, so that it is never closed under a request. */
export const KEEP_ALIVE_MS = 75_000;
/** Of every socket: a peer that lost its power or its network is noticed, also by who only waits for its bytes. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelay: 15_000 } as const;
const MOST_HEADER_BYTES = 16 * 1024;
const MOST_LISTENERS = 30;

/** An absolute-form target (a client behind HTTP_PROXY) and doubled slashes become the plain path. */
export const plainPath = (url: string): string =>
  url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/^\/*/, '/');

/** A peer that opens a connection and says no word of TLS holds it for so long. */
const HANDSHAKE_MS = 10_000;

/** One route, and what it needs of its caller. */
export interface RouteNeed {
  readonly method: string;
  /** With its parameters as the route names them: `/v1/workers/:ref`. */
  readonly path: string;
  readonly access: Access;
  /** Where it needs the role user besides, if it does. */
  readonly changesIn: ChangesIn | null;
}
const routes = new WeakMap<object, RouteOptions[]>();
/** The routes that were made. Asked for afterwards: an adapter says what its routes need while they are made. */
export const routesOf = (app: App): readonly RouteNeed[] =>
  (routes.get(app.server) ?? []).flatMap(({ method, url, config }) =>
    [method].flat().map((each) => ({
      method: each,
      path: url,
      access: config?.access ?? 'admin',
      changesIn: config?.changesIn ?? null,
    })),
  );

/** What stands between a socket and the routes. */
export interface Edge {
  readonly door: Door;
  readonly hosts: HostRules;
  /** Null: plain HTTP. */
  readonly tls: Pick<HeadTls, 'serverOptions'> | null;
  /** Adds what sees every call, also one that is not let in. */
  readonly watch: (app: App) => void;
}

export function makeApp(log: Logger, { door, hosts, tls, watch }: Edge): App {
  const server = {
    ...keepAlive,
    headersTimeout: HEADERS_MS,
    connectionsCheckingInterval: LOOK_AT_HEADERS_MS,
    maxHeaderSize: MOST_HEADER_BYTES,
  };
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0,
    // A stream whose body nobody may have would stay open for ever; those who only look whether it lives may ask so.
    exposeHeadRoutes: false,
    http: server,
    ...(tls && { https: { ...server, ...tls.serverOptions, handshakeTimeout: HANDSHAKE_MS } }),
    genReqId: requestIdOf,
    rewriteUrl: (request) => plainPath(request.url ?? '/'),
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 700 },
    return503OnClosing: true,
    clientErrorHandler: answerClientError,
    // What the router itself refuses: a path that cannot be decoded, or is too long.
    frameworkErrors: (_error, request, reply) => {
      const path = (request.url.split('?')[0] ?? '').slice(0, 200);
      const error = new DroverError('ROUTE_NOT_FOUND', { method: request.method, path });
      const foreign = pyletNotFound(path, false);
      void (reply as FastifyReply).status(404).send(foreign ? foreign.body : errorBody(error, request.id));
    },
  }).withTypeProvider<ZodTypeProvider>() as unknown as App;
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.decorateRequest('actor', null);
  app.decorateRequest('bearer', null);
  const methods = new Map<string, Set<string>>();
  const made: RouteOptions[] = [];
  routes.set(app.server, made);
  app.addHook('onRoute', (route) => {
    made.push(route as RouteOptions);
    if (route.url.startsWith('/v1/') && !route.schema?.body && !route.config?.rawBody)
      route.bodyLimit ??= SMALL_BODY_BYTES;
    const known = methods.get(route.url) ?? new Set();
    for (const method of [route.method].flat()) known.add(method);
    methods.set(route.url, known);
  });
  watch(app);
  app.addHook('onRequest', async (request, reply) => {
    reply.header(REQUEST_ID_HEADER, request.id);
    // What counts, watches and streams a call each listens for its end: more than Node takes for a leak.
    reply.raw.setMaxListeners(MOST_LISTENERS);
    hosts.check(request.raw);
  });
  door.install(app as never);
  endSlowBodies(app as never);
  checkShapes(app);
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // A call without a body says so by sending none, whatever its content type is.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    // Fastify takes it for no body at all.
    else if (body === 'null' && request.url.startsWith('/v1/'))
      done(invalid('body', 'must be an object', null));
    else void parseJson(request, body as string, done);
  });
  app.removeContentTypeParser('text/plain');
  setErrorHandler(app, log, BODY_BYTES);
  const notFound = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.split('?')[0] ?? '';
    // As the router chooses: words before parameters.
    const [others] = [...methods]
      .filter(([pattern]) => patternMatches(pattern, path))
      .toSorted(([a], [b]) => a.split(':').length - b.split(':').length)
      .map(([, names]) => names);
    const foreign = pyletNotFound(path, others !== undefined) ?? skypilotNotFound(request, path);
    if (foreign) return reply.status(foreign.status).send(foreign.body);
    if (others)
      throw new DroverError('METHOD_NOT_ALLOWED', {
        method: request.method,
        path: path.slice(0, 200),
        allowed: [...others].join(', '),
      });
    throw new DroverError('ROUTE_NOT_FOUND', { method: request.method, path: path.slice(0, 200) });
  };
  app.setNotFoundHandler(notFound);
  // Before its body is looked at: what is sent there is nobody's.
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) await notFound(request, reply);
  });
  return app;
}

type Parser = (request: FastifyRequest, text: string, done: (error: Error | null) => void) => unknown;

/** Before any parser of JSON, also of those that adapters bring for their own routes. */
function checkShapes(app: App): void {
  const add = app.addContentTypeParser as (...given: unknown[]) => unknown;
  // Scopes inherit it, as all methods of the app.
  const addChecked = function (this: unknown, ...given: unknown[]): unknown {
    const [type, options, parser] = given as [unknown, { parseAs?: string; judgesShape?: true }, Parser];
    const { judgesShape, ...own } = options;
    if (![type].flat().includes('application/json') || own.parseAs !== 'string')
      return add.apply(this, given);
    if (judgesShape) return add.call(this, type, own, parser);
    const checked: Parser = (request, text, done) => {
      const rule = brokenShape(text, request.routeOptions.config.mostTokens);
      return rule === null ? parser(request, text, done) : done(invalid('body', rule));
    };
    return add.call(this, type, own, checked);
  };
  app.addContentTypeParser = addChecked as typeof app.addContentTypeParser;
}

function patternMatches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length && wanted.every((part, at) => part.startsWith(':') || part === given[at])
  );
}
