/** Tokens that are not good (I16): each is refused as if nothing of it was known, and none gets in by another door. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../../packages/head/src/testing/test-head.ts';

let head: TestHead;
let other: TestHead;
let user: string;
const bad = new Map<string, string>();

beforeAll(async () => {
  [head, other] = await Promise.all([startTestHead(), startTestHead()]);
  await head.call('POST', '/v1/users', { name: 'ana' });
  const make = async (at: TestHead, more: object = {}) =>
    (await at.call('POST', '/v1/tokens', { user: 'ana', ...more })).json;
  user = (await make(head)).token;
  const revoked = await make(head);
  await head.call('DELETE', `/v1/tokens/${revoked.id}`);
  await other.call('POST', '/v1/users', { name: 'ana' });
  const join = (await head.call('POST', '/v1/join-tokens', {})).json.token;
  for (const [what, token] of [
    ['revoked', revoked.token],
    ['of a user of another head', (await make(other)).token],
    ['of the admin of another head', other.token],
    ['for joining', join],
    ['the digest that is stored', createHash('sha256').update(user).digest('hex')],
    ['without its last character', user.slice(0, -1)],
    ['its first half', user.slice(0, user.length / 2)],
    ['only its prefix', 'drv_'],
    ['with a character more', `${user}x`],
    ['in capitals', user.toUpperCase()],
    ['twice', `${user}${user}`],
    ['with a NUL as %00', `${user}%00`],
    ['two in one', `${user},${head.token}`],
    ['two in one, by a blank', `x ${user}`],
    ['with its scheme twice', `Bearer ${user}`],
    ['in quotes', `"${user}"`],
    ['15,000 characters', 'x'.repeat(15_000)],
    ['not of ASCII', 'drv_\u00e9\u00e9\u00e9\u00e9'],
    ['a name of an object', '__proto__'],
    ['constructor', 'constructor'],
  ] as const)
    bad.set(what, token);
});
afterAll(() => Promise.all([head?.close(), other?.close()]));

/** Sends bytes as they are. @returns all that comes back, until the end */
function send(bytes: string): Promise<string> {
  const { hostname, port } = new URL(head.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}
const get = (...headers: string[]): Promise<string> =>
  send(`GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers.join('\r\n')}\r\n\r\n`);
const statusOf = (reply: string): number => Number(reply.split(' ')[1]);

describe('a token', () => {
  it('lets in who has it, by Bearer and by Basic', async () => {
    const basic = Buffer.from(`anybody:${user}`).toString('base64');
    for (const header of [`Bearer ${user}`, `bearer   ${user}`, `Basic ${basic}`])
      expect(statusOf(await get(`Authorization: ${header}`))).toBe(200);
  });

  it('that is not good is refused in the same words as none, whatever is wrong with it', async () => {
    const words = (reply: string): string =>
      reply
        .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
        .replace(/date: .*/i, '')
        .toLowerCase();
    const none = words(await get('X-Nothing: here'));
    expect(none).toMatch(/ 401 .*"code":"unauthenticated"/s);
    expect(none).not.toMatch(/expired|revoked|disabled|unknown/);
    for (const [what, token] of bad)
      expect([what, words(await get(`Authorization: Bearer ${token}`))]).toEqual([what, none]);
  });

  it('is refused by Basic too, however that is written', async () => {
    for (const text of ['', ':', 'ana:', `ana:${user}\n`, `ana:\n${user}`, `${user}:x`, `x:${user}:x`])
      expect([
        text,
        statusOf(await get(`Authorization: Basic ${Buffer.from(text).toString('base64')}`)),
      ]).toEqual([text, 401]);
    for (const value of ['Basic', 'Basic ', 'Basic !!!', 'Basic =', `Negotiate ${user}`, user, ` ${user}`])
      expect([value, statusOf(await get(`Authorization: ${value}`))]).toEqual([value, 401]);
  });

  it('does not become good by a second header, and one with a line break is no header', async () => {
    const two = await get(`Authorization: Bearer wrong`, `Authorization: Bearer ${user}`);
    expect(statusOf(two)).toBe(401);
    for (const line of [`Authorization: Bearer ${user}\nX: y`, `Authorization: Bearer x\r\r ${user}`])
      expect([400, 401]).toContain(statusOf(await get(line)));
    expect(statusOf(await get(`Authorization: Bearer\r\n ${user}`))).not.toBe(200);
  });

  it('of a megabyte is cut off as a header that is too long', async () => {
    expect(statusOf(await get(`Authorization: Bearer ${'x'.repeat(1024 * 1024)}`))).toBe(431);
  });

  it('is no part of an address: a token in a query lets nobody in', async () => {
    for (const name of ['token', 'access_token', 'api_key', 'authorization']) {
      const reply = await send(
        `GET /v1/whoami?${name}=${user} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      expect(statusOf(reply)).toBe(401);
    }
  });

  it('caused no error of the head itself', () => {
    expect([...head.complaints, ...other.complaints]).toEqual([]);
  });
});
