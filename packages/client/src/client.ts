import { invalid, isPlainName, PLAIN_NAME_RULE } from '@drover/core';
import { Audit } from './services/audit.ts';
import { Clusters } from './services/clusters.ts';
import { Events } from './services/events.ts';
import { Files } from './services/files.ts';
import { Head } from './services/head.ts';
import { Infra } from './services/infra.ts';
import { Instances } from './services/instances.ts';
import { Jobs } from './services/jobs.ts';
import { JoinTokens } from './services/join-tokens.ts';
import { Projects } from './services/projects.ts';
import { Requests } from './services/requests.ts';
import { Tokens } from './services/tokens.ts';
import { Users } from './services/users.ts';
import { Workers } from './services/workers.ts';
import { linkSignals } from './transport/signals.ts';
import { parseTarget } from './transport/target.ts';
import { Transport } from './transport/transport.ts';

/** Everything is optional; an environment without a process (a browser) needs `url`. */
export interface ClientOptions {
  /** Address of the head. Default: `DROVER_HEAD`, else `http://127.0.0.1:3768`. User info in it is the token. */
  readonly url?: string | undefined;
  /** Default: the URL's user info, else `DROVER_TOKEN`. */
  readonly token?: string | undefined;
  /** Who of those that share the head's own token calls: owns what is made, and gives no right. Default: `DROVER_USER`. */
  readonly user?: string | undefined;
  /**
   * What the calls are for. Default: `DROVER_PROJECT`, else the only one of the token, else `default`. Null: none is
   * named, whatever the environment says.
   */
  readonly project?: string | null | undefined;
  /** Used instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Ends every call of this client. */
  readonly signal?: AbortSignal | undefined;
  /** How long an unreachable or busy head is tried again, in milliseconds. Default 30000; 0: never. */
  readonly retryMs?: number | undefined;
  /** Longest wait for a reply that the head does not hold on purpose, in milliseconds. Default 30000. */
  readonly replyMs?: number | undefined;
}

/** @throws {DroverError} INVALID_REQUEST */
function userOf(user: string | undefined): string | undefined {
  if (user === undefined || /^[\w.@+-]{1,64}$/.test(user)) return user;
  throw invalid('user', '1 to 64 letters, digits and _ . @ + -', user);
}

/** @throws {DroverError} INVALID_REQUEST */
function projectOf(project: string | null): string | undefined {
  if (project === null) return undefined;
  if (isPlainName(project)) return project;
  throw invalid('project', PLAIN_NAME_RULE, project);
}

/** The address at which a head listens when nothing else is said. */
export const DEFAULT_HEAD_URL = 'http://127.0.0.1:3768';

/**
 * The way to one head: a service object for each noun. Holds nothing open between calls, so a program that never
 * calls {@link Client.close} ends by itself. All methods throw `DroverError`; recognise it by its `code`.
 */
export class Client {
  /** Address of the head, without the token. */
  readonly url: string;
  readonly instances: Instances;
  readonly workers: Workers;
  readonly joinTokens: JoinTokens;
  readonly infra: Infra;
  readonly head: Head;
  readonly events: Events;
  readonly requests: Requests;
  readonly clusters: Clusters;
  readonly jobs: Jobs;
  readonly files: Files;
  readonly users: Users;
  readonly projects: Projects;
  readonly tokens: Tokens;
  readonly audit: Audit;
  readonly #closing = new AbortController();

  /** Sends nothing. @throws {DroverError} INVALID_REQUEST for a bad address or token. */
  constructor(options: ClientOptions = {}) {
    const env = globalThis.process?.env ?? {};
    const target = parseTarget(options.url || env.DROVER_HEAD || DEFAULT_HEAD_URL, options.token);
    const given = options.fetch;
    const transport = new Transport({
      target: { url: target.url, token: target.token ?? (env.DROVER_TOKEN || undefined) },
      user: userOf(options.user ?? (env.DROVER_USER || undefined)),
      project: projectOf(options.project === undefined ? env.DROVER_PROJECT || null : options.project),
      // Looked up at each call and called bare: browsers refuse a fetch with another `this`.
      fetch: (input, init) => (given === undefined ? globalThis.fetch(input, init) : given(input, init)),
      signal: linkSignals([options.signal, this.#closing.signal]).signal,
      retryMs: options.retryMs ?? 30_000,
      replyMs: options.replyMs ?? 30_000,
    });
    this.url = target.url;
    this.instances = new Instances(transport);
    this.workers = new Workers(transport);
    this.joinTokens = new JoinTokens(transport);
    this.infra = new Infra(transport);
    this.head = new Head(transport);
    this.events = new Events(transport);
    this.requests = new Requests(transport);
    this.clusters = new Clusters(transport, this.requests);
    this.jobs = new Jobs(transport);
    this.files = new Files(transport);
    this.users = new Users(transport);
    this.projects = new Projects(transport);
    this.tokens = new Tokens(transport);
    this.audit = new Audit(transport);
  }

  /**
   * A client that has spoken with its head once: address and token are right.
   * @throws {DroverError} HEAD_UNREACHABLE, UNAUTHENTICATED
   */
  static async connect(options: ClientOptions = {}): Promise<Client> {
    const client = new Client(options);
    await client.head.get();
    return client;
  }

  /** Ends the calls under way (they throw an AbortError) and refuses new ones. Never needed for the program to end. */
  close(): void {
    this.#closing.abort(new DOMException('the client is closed', 'AbortError'));
  }
}
