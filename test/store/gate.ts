/** A way to the server that can be shut, or let statements through and no answers back. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Gate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isShut = false;
  #loses = false;
  /** The address that leads through here. */
  readonly url: string;

  private constructor(server: Server, target: URL) {
    this.#server = server;
    const url = new URL(target);
    url.port = String((server.address() as { port: number }).port);
    this.url = url.href;
    server.on('connection', (inside: Socket) => {
      this.#keep(inside);
      if (this.#isShut) {
        inside.destroy();
        return;
      }
      const outside = this.#keep(connect(Number(target.port), target.hostname));
      inside.pipe(outside);
      outside.on('data', (data) => {
        if (!this.#loses) inside.write(data);
      });
      inside.once('close', () => outside.destroy());
      outside.once('close', () => inside.destroy());
    });
  }

  static async open(url: string): Promise<Gate> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Gate(server, new URL(url));
  }

  /** Cuts what is open, and lets nobody in. */
  shut(): void {
    this.#isShut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  loseAnswers(): void {
    this.#loses = true;
  }

  reopen(): void {
    this.#isShut = false;
    this.#loses = false;
  }

  async close(): Promise<void> {
    this.shut();
    this.#server.close();
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
