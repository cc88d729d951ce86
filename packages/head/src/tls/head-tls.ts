/** TLS of a head: what its server is opened with, and how it gets another certificate while it runs. */
import type { Server } from 'node:https';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import type { HeadView } from '@drover/core/wire';
import type { Clock, Logger } from '@drover/engine';
import { type GivenFiles, openGivenFiles } from './given-files.ts';
import { certificateNames, type HeadNames } from './names.ts';
import { openOwnAuthority } from './own-authority.ts';
import { answerPlainHttp } from './plain-http.ts';
import type { CertificateSource } from './source.ts';

export interface TlsOptions {
  /** Null: an authority of the head's own in its state folder. */
  readonly files: GivenFiles | null;
}

export interface HeadTls {
  readonly ca: string | null;
  readonly caFile: string | null;
  /** Names and addresses of the certificate in use. */
  readonly names: readonly string[];
  /** For `https.createServer`. */
  readonly serverOptions: SecureContextOptions;
  /** For `GET /v1/head`. */
  view(): NonNullable<HeadView['tls']>;
  /** Gives the server each new certificate: for new connections, those that are open go on. */
  follow(server: Server): void;
  close(): void;
}

/** @throws {Error} what is wrong with the files; nothing listens then */
export async function openTls(
  options: TlsOptions & {
    readonly stateDir: string;
    readonly names: HeadNames;
    readonly clock: Clock;
    readonly log: Logger;
  },
): Promise<HeadTls> {
  const { files, clock } = options;
  const source =
    files === null
      ? await openOwnAuthority({
          dir: join(options.stateDir, 'tls'),
          names: certificateNames(options.names),
          clock,
        })
      : openGivenFiles(files, clock);
  return serveFrom(source, clock, options.log);
}

/** The same from any source, for tests. */
export function serveFrom(source: CertificateSource, clock: Clock, log: Logger): HeadTls {
  let isOpen = true;
  let timer = { cancel: (): void => undefined };
  const optionsOf = (): SecureContextOptions => {
    const { cert, key } = source.current;
    return { cert, key, minVersion: 'TLSv1.2' };
  };
  const stamp = (): string => new Date(source.current.untilMs).toISOString();

  async function look(server: Server): Promise<void> {
    try {
      if (await source.look()) {
        server.setSecureContext(optionsOf());
        log.info(
          { expiresAt: stamp(), names: source.current.names },
          'another certificate is served from now on',
        );
      }
    } catch (err) {
      log.error({ err, expiresAt: stamp() }, 'no new certificate can be served; the one before goes on');
    }
    if (isOpen) timer = clock.after(source.lookEveryMs, () => void look(server));
  }

  return {
    get ca() {
      return source.ca;
    },
    caFile: source.caFile,
    get names() {
      return source.current.names;
    },
    get serverOptions() {
      return optionsOf();
    },
    view: () => ({ ca: source.ca, expiresAt: stamp() }),
    follow(server) {
      answerPlainHttp(server);
      timer = clock.after(source.lookEveryMs, () => void look(server));
    },
    close() {
      isOpen = false;
      timer.cancel();
    },
  };
}
