/** The head, put together: store, engine, HTTP, links. */
import { createServer, type Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { registerPylet, registerSkypilot } from '@drover/compat';
import { isLoopback } from '@drover/core';
import { Engine, type Logger, type Timing } from '@drover/engine';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { adminToken } from './auth/admin-token.ts';
import { CALL_RATES, CallLimits, type CallRates } from './auth/call-limits.ts';
import { TOKEN_COOKIE } from './auth/credentials.ts';
import { makeDoor } from './auth/door.ts';
import { makeGuard, projectsOf } from './auth/guard.ts';
import { openFolderBlobs } from './blobs/folder-blobs.ts';
import { openFileStore } from './files/file-store.ts';
import { startSweep } from './files/sweep-timer.ts';
import { abortsOf } from './http/abort.ts';
import {
  KEEP_ALIVE_MS,
  keepAlive,
  makeApp,
  type RouteContext,
  type RouteNeed,
  routesOf,
} from './http/app.ts';
import { clusterRoutes } from './http/clusters.ts';
import { fileRoutes } from './http/files.ts';
import { eventRoutes, headRoutes } from './http/head.ts';
import { makeHostRules } from './http/host-rules.ts';
import { infraRoutes } from './http/infra.ts';
import { instanceRoutes } from './http/instances.ts';
import { clusterJobRoutes } from './http/jobs.ts';
import { logRoutes } from './http/logs.ts';
import { registerOpenApi } from './http/openapi.ts';
import { projectRoutes, userRoutes } from './http/people.ts';
import { requestRoutes } from './http/requests.ts';
import { auditRoutes, tokenRoutes, whoamiRoutes } from './http/tokens.ts';
import { joinRoutes, workerRoutes } from './http/workers.ts';
import { type InfraOptions, openInfra } from './infra/directory.ts';
import { makeControlLinks } from './link/control.ts';
import { streamRoutes } from './link/streams.ts';
import { realClock, realRandom } from './os/clock.ts';
import { openOutbound } from './outbound/client.ts';
import { openStore } from './store/open-store.ts';
import { openTelemetry } from './telemetry/telemetry.ts';
import { openTls, type TlsOptions } from './tls/head-tls.ts';
import { type HeadNames, machineName, ownHost } from './tls/names.ts';

export interface HeadOptions {
  /** The state folder, held by the caller's lock. */
  readonly stateDir: string;
  /** `postgres://...`; null: SQLite in the state folder. */
  readonly store: string | null;
  readonly version: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** A second port on loopback, for clients that know only one. */
  readonly alsoListen: number | null;
  /** Null, or left out: plain HTTP. */
  readonly tls?: TlsOptions | null | undefined;
  /** Names of this head in its certificate, beside those that it finds itself. */
  readonly tlsNames?: readonly string[] | undefined;
  /** Further names by which it may be called. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Networks that URLs of users may lead to besides the public internet: `10.1.0.0/16`, `fd12::/48`, or one address. */
  readonly allowOutbound?: readonly string[] | undefined;
  /** Calls from this machine that carry no token are the admin's. */
  readonly trustLoopback: boolean;
  /** How often one caller may call; null: as often as it likes. Left out: {@link CALL_RATES}. */
  readonly callRates?: CallRates | null | undefined;
  readonly pyletAccounting: 'strict' | 'lenient';
  readonly timing: Partial<Timing>;
  /** Where machines come from besides those that join by hand; left out: nowhere. */
  readonly infra?: Omit<InfraOptions, 'stateDir' | 'ca' | 'log'> | undefined;
  /** What becomes of a machine with our tag that no record knows; `report` when nothing is said. */
  readonly unknownMachines?: 'report' | 'remove' | undefined;
  /** Makes traces, through the SDK of OpenTelemetry that the operator has installed. */
  readonly traces?: boolean | undefined;
  readonly log: Logger;
  readonly onFatal: (error: Error) => void;
}

export interface Head {
  readonly url: string;
  /** PEM of what its clients shall trust; null: plain HTTP, or what their systems trust. */
  readonly caFile: string | null;
  readonly tokenFile: string;
  readonly herd: string;
  /** Everything that it answers, with what that needs: foreign adapters and calls of workers too. */
  readonly routes: readonly RouteNeed[];
  /** Stops serving; what was accepted is durable when it resolves. Touches no instance. */
  close(): Promise<void>;
}

export async function startHead(options: HeadOptions): Promise<Head> {
  const { stateDir, log, onFatal } = options;
  const names: HeadNames = {
    host: options.host,
    advertiseUrl: options.infra?.advertiseUrl ?? null,
    tlsNames: options.tlsNames ?? [],
  };
  const tls = options.tls ? await openTls({ ...options.tls, stateDir, names, clock: realClock, log }) : null;
  const telemetry = await openTelemetry({
    version: options.version,
    clock: realClock,
    log,
    traces: options.traces ?? false,
  });
  const store = await openStore(options, { log, onFatal });
  const blobs = await openFolderBlobs({ dir: join(stateDir, 'blobs') });
  const files = await openFileStore({ dir: join(stateDir, 'files'), log });
  const { token, file: tokenFile } = await adminToken(stateDir);
  const infra = options.infra
    ? openInfra({ ...options.infra, stateDir, ca: () => tls?.ca ?? null, log })
    : null;
  const ports = {
    clock: realClock,
    random: realRandom,
    store,
    blobs,
    log,
    meter: telemetry.meter,
    outbound: openOutbound({ allow: options.allowOutbound ?? [] }),
    fatal: onFatal,
    ...(infra && { providers: infra }),
  };
  const engine = await Engine.start(ports, {
    version: options.version,
    timing: options.timing,
    machines: { unknownMachines: options.unknownMachines },
  });
  const rates = options.callRates === undefined ? CALL_RATES : options.callRates;
  const limits = rates && new CallLimits(rates);
  const guard = makeGuard(engine, token, { trustLoopback: options.trustLoopback });
  const door = makeDoor(engine, guard, limits);
  const hosts = makeHostRules({
    names: [options.host, machineName(), ...names.tlsNames, ...(options.allowHosts ?? [])],
    certificateNames: () => tls?.names ?? [],
    advertiseUrl: names.advertiseUrl,
  });
  const app = makeApp(log, { door, hosts, tls, watch: telemetry.watch });
  const stopping = new Set<() => void>();
  const context: RouteContext = {
    engine,
    guard,
    log,
    tls,
    actorOf,
    abortOf: abortsOf(stopping),
    onStop(fn) {
      stopping.add(fn);
      return () => stopping.delete(fn);
    },
  };
  registerOpenApi(app, options.version);
  for (const routes of [
    headRoutes,
    instanceRoutes,
    logRoutes,
    workerRoutes,
    whoamiRoutes,
    tokenRoutes,
    userRoutes,
    projectRoutes,
    auditRoutes,
    joinRoutes,
    eventRoutes,
    streamRoutes,
    infraRoutes,
    requestRoutes,
    clusterRoutes,
    clusterJobRoutes,
  ])
    routes(app, context);
  fileRoutes(app, { ...context, files });
  telemetry.serve(app, context, store.kind);
  const sweeping = startSweep(files, (tree) => engine.isTreeNeeded(tree), log);
  registerPylet(app as unknown as FastifyInstance, {
    engine,
    log,
    accounting: options.pyletAccounting,
    actorOf,
    abortOf: context.abortOf,
  });
  registerSkypilot(app as unknown as FastifyInstance, {
    engine,
    files,
    dir: join(stateDir, 'uploads-skypilot'),
    log,
    cookie: TOKEN_COOKIE,
    actorOf,
    bearerOf: (request) => request.bearer,
    projectsOf: (request) => projectsOf(engine, request.bearer),
    within: door.within,
    somewhere: door.somewhere,
    looksInto: door.looksInto,
    abortOf: context.abortOf,
  });
  const links = makeControlLinks(engine, guard, hosts, log, { limits, denials: door.denials });
  app.server.on('upgrade', links.upgrade);
  tls?.follow(app.server as Server as SecureServer);
  await app.listen({ host: options.host, port: options.port });
  const extra =
    options.alsoListen === null ? [] : await listenAlso(app.routing, links.upgrade, options.alsoListen);
  const { port } = app.server.address() as AddressInfo;
  const host = ownHost(names, tls?.names ?? null);
  const url = `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (!tls && !isLoopback(options.host))
    log.warn(
      { host: options.host },
      'other machines reach this head without TLS: tokens and data travel readable',
    );
  infra?.serve(url);
  return {
    url,
    caFile: tls?.caFile ?? null,
    tokenFile,
    herd: engine.herd,
    routes: routesOf(app),
    async close() {
      tls?.close();
      for (const stop of [...stopping]) stop();
      links.close();
      await infra?.close();
      const servers = [app.server, ...extra];
      const closed = extra.map((server) => new Promise((resolve) => server.close(resolve)));
      // What does not end by itself (a worker that is stopped, a reader that does not read) is cut off.
      const cut = setTimeout(() => {
        for (const server of servers) server.closeAllConnections();
        links.cut();
      }, 2_000);
      for (const server of servers) server.closeIdleConnections();
      await Promise.all([app.close(), ...closed]);
      clearTimeout(cut);
      await engine.state
        .close()
        .catch((err: unknown) => log.error({ err }, 'stopping with a store that refuses'));
      sweeping.stop();
      await files.close();
      await store.close();
      await telemetry.close();
    },
  };
}

function actorOf(request: FastifyRequest) {
  if (!request.actor) throw new Error('a route was reached without authentication');
  return request.actor;
}

/** Loopback in both families, as far as the machine has them. */
async function listenAlso(
  handler: Parameters<typeof createServer>[1],
  upgrade: (...args: never[]) => void,
  port: number,
): Promise<Server[]> {
  const servers: Server[] = [];
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer({ ...keepAlive, keepAliveTimeout: KEEP_ALIVE_MS }, handler);
    server.on('upgrade', upgrade as never);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => resolve());
      });
      servers.push(server);
    } catch (error) {
      if (host === '127.0.0.1') throw error;
    }
  }
  return servers;
}
