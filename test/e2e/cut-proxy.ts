/** A proxy before a head that cuts a connection after so many bytes of answers, and lets every later one through further. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CutProxy {
  readonly url: string;
  readonly cuts: number;
  close(): Promise<void>;
}

/** @param bytes after which a connection is cut; each that follows has as many for itself */
export async function startProxy(headUrl: string, bytes: number): Promise<CutProxy> {
  const { hostname, port } = new URL(headUrl);
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server = createServer((client) => {
    const behind = connect(Number(port), hostname);
    let passed = 0;
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        behind.destroy();
      });
    }
    client.pipe(behind);
    behind.on('data', (chunk: Buffer) => {
      const left = bytes - passed;
      passed += chunk.length;
      client.write(chunk.subarray(0, left));
      if (passed < bytes) return;
      cuts += 1;
      behind.pause();
      client.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
