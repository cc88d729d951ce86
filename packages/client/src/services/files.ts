import { DroverError } from '@drover/core';
import type { Transport } from '../transport/transport.ts';
import type { CallOptions } from './options.ts';

/** How far a sending is. Bytes and files as far as they are known: first they are listed, then read, then sent. */
export interface SendProgress {
  readonly phase: 'listing' | 'hashing' | 'sending';
  readonly files: number;
  readonly bytes: number;
  /** Of what the head did not have. */
  readonly sentBytes: number;
}

export interface SendOptions extends CallOptions {
  readonly onProgress?: ((progress: SendProgress) => void) | undefined;
}

/** What a task names: the tree, how many files it has, their bytes, and how many of these had to be sent. */
export interface SentFiles {
  readonly tree: string;
  readonly files: number;
  readonly bytes: number;
  readonly sentBytes: number;
}

/** `client.files`: folders and files of this machine on their way to the head. Not in browsers. */
export class Files {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Sends a folder or a file: only the contents that the head does not have, several at once, each going on where it was
   * cut. What `.skyignore` names is left out; without one, what the `.gitignore` files name, those of the repository
   * around it too. `.git` is left out unless a rule says `!.git`. Links within the folder stay links. Of the modes the
   * nine permission bits are kept.
   * @throws {DroverError} FILES_NOT_FOUND, FILES_UNREADABLE, FILES_REFUSED (a link that leaves the folder, a socket, a
   * device, a name that is not UTF-8, too many), FILES_CHANGED (while it was read, several times), FILES_FULL
   */
  async send(localPath: string, options: SendOptions = {}): Promise<SentFiles> {
    if (globalThis.process?.versions?.node === undefined)
      throw new DroverError('NOT_SUPPORTED', {
        rule: 'files are sent by Node, Bun and Deno, not by browsers',
      });
    // Loaded when it is used: a browser never does, and the start of other programs does not pay for it.
    const { sendFiles } = await import('../files/send.ts');
    return await sendFiles(this.#transport, localPath, options);
  }
}
