import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { JoinRefused } from './identity.ts';
import { ownIdentity } from './own-identity.ts';

it('goes on with an identity that the clock calls expired when the token that is left is refused', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'drover-own-identity-'));
  const message = 'the join token is unknown, used up or expired';
  const server = createServer((_request, response) =>
    response.writeHead(401).end(JSON.stringify({ error: { message } })),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const warned: unknown[] = [];
  const log = { debug() {}, info() {}, warn: (facts: object) => void warned.push(facts), error() {} };
  const head = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: null };
  const options = { stateDir, head, joinToken: 'drvj_old', name: null, log };
  const identity = { workerId: 'w', herd: 'h', token: 'drvw_1', obtainedMs: 0, ttlS: 100, renewAfterS: 50 };
  try {
    expect(await ownIdentity(identity, options)).toBe(identity);
    expect(warned).toEqual([{ why: message }]);
    await expect(ownIdentity(null, options)).rejects.toThrow(JoinRefused);
    await expect(ownIdentity(null, { ...options, joinToken: null })).rejects.toThrow('no identity yet');
  } finally {
    rmSync(stateDir, { recursive: true });
    await new Promise((resolve) => server.close(resolve));
  }
});
