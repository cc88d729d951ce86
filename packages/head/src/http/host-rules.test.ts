/** Who may be called, and from where: the rules as a table, then on a head with all its adapters. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { startTestHead, type TestHead } from '../testing/test-head.ts';
import { makeHostRules } from './host-rules.ts';

const rules = makeHostRules({
  names: ['Box', 'allowed.example', '*.pool.example'],
  certificateNames: () => ['tls.example'],
  advertiseUrl: 'https://head.example',
});

/** The code with which it is refused, or `in`. */
function verdict(host: string | undefined, origin?: string, encrypted = false): string {
  const headers = { ...(host !== undefined && { host }), ...(origin !== undefined && { origin }) };
  try {
    rules.check({ headers, socket: { encrypted } as never });
    return 'in';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('a Host', () => {
  it.each([
    ...['127.0.0.1', '127.0.0.1:3768', '10.1.2.3:80', '[::1]:3768', '[fd00::7]', '0.0.0.0'],
    ...['localhost', 'LocalHost:1', 'localhost.', 'box', 'BOX:3768', 'allowed.example', 'a.pool.example'],
    ...['head.example', 'head.example:444', 'tls.example'],
  ])('%s is let in', (host) => {
    expect(verdict(host)).toBe('in');
  });

  it.each([
    ...['evil.example', 'localhost.evil.example', 'evil-localhost', 'pool.example', 'a.b.pool.example'],
    ...['127.0.0.1.evil.example', '2130706433', '0x7f.0.0.1', '127.1', '::1', '[::1', '[localhost]'],
    ...['', ' ', 'a b', 'box/x', 'evil@box', 'box:x', 'box:1:2', 'box:123456', 'x'.repeat(300)],
  ])('%j is refused', (host) => {
    expect(verdict(host)).toBe('HOST_REFUSED');
  });

  it('may be left out, as HTTP/1.0 does, but not by a page', () => {
    expect([verdict(undefined), verdict(undefined, 'http://localhost')]).toEqual(['in', 'ORIGIN_REFUSED']);
  });
});

describe('an Origin', () => {
  it.each([
    ['127.0.0.1:3768', 'http://127.0.0.1:3768', false],
    ['127.0.0.1:3768', 'https://127.0.0.1:3768', true],
    ['Localhost:80', 'http://localhost', false],
    ['box:443', 'https://box', true],
    ['[::1]:1', 'http://[::1]:1', false],
    // A proxy with TLS stands before the head, and forwards the request without.
    ['box:3768', 'https://head.example', false],
  ])('at %s from %s is this head itself', (host, origin, encrypted) => {
    expect(verdict(host, origin, encrypted)).toBe('in');
  });

  it.each([
    ['127.0.0.1:3768', 'null'],
    ['127.0.0.1:3768', ''],
    ['127.0.0.1:3768', 'http://127.0.0.1'],
    ['127.0.0.1:3768', 'http://127.0.0.1:3769'],
    ['127.0.0.1:3768', 'https://127.0.0.1:3768'],
    ['127.0.0.1:3768', 'http://localhost:3768'],
    ['127.0.0.1:3768', 'http://127.0.0.1:3768/x'],
    ['127.0.0.1:3768', 'http://127.0.0.1:3768, http://evil.example'],
    ['127.0.0.1:3768', 'http://u@127.0.0.1:3768'],
    ['127.0.0.1:3768', 'file://'],
    ['127.0.0.1:3768', 'chrome-extension://abc'],
    ['box', 'http://head.example'],
  ])('at %s from %s is another site', (host, origin) => {
    expect(verdict(host, origin)).toBe('ORIGIN_REFUSED');
  });
});

let head: TestHead;
beforeAll(async () => {
  head = await startTestHead({ allowHosts: ['allowed.example'], trustLoopback: true });
});
afterAll(() => head.close());

/** One request by hand, also with a target and headers that no client would send. @returns status, headers, body */
function exchange(target: string, headers: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(head.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (data) => {
      text += String(data);
    });
    socket.on('close', () => resolve(text));
    socket.write(`GET ${target} HTTP/1.1\r\nConnection: close\r\n${headers.join('\r\n')}\r\n\r\n`);
  });
}
const PATHS = ['/v1/head', '/healthz', '/instances', '/api/health', '/status', '/openapi.json', '/nowhere'];

describe('a head', () => {
  it.each(PATHS)('refuses another name and another site at %s, trusted address or not', async (path) => {
    const renamed = await exchange(path, ['Host: evil.example']);
    expect(renamed).toMatch(/^HTTP\/1\.1 403 /);
    expect(renamed).toContain('start it with --allow-host evil.example');
    const fromPage = await exchange(path, ['Host: 127.0.0.1', 'Origin: http://evil.example']);
    expect(fromPage).toMatch(/^HTTP\/1\.1 403 /);
    expect(`${renamed}${fromPage}`).not.toMatch(/access-control/i);
  });

  it('says so in the words of each protocol', async () => {
    const bodyOf = async (path: string): Promise<unknown> =>
      JSON.parse((await exchange(path, ['Host: evil.example'])).split('\r\n\r\n')[1] ?? '');
    const detail = expect.stringContaining('--allow-host');
    expect(await bodyOf('/v1/head')).toMatchObject({ error: { code: 'HOST_REFUSED', message: detail } });
    expect(await bodyOf('/workers')).toEqual({ detail });
    expect(await bodyOf('/compat/skypilot/api/health')).toEqual({ detail });
  });

  it('goes by the Host where the target is a whole URL, as clients behind HTTP_PROXY send it', async () => {
    const { host } = new URL(head.url);
    expect(await exchange('http://evil.example/healthz', [`Host: ${host}`])).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exchange(`${head.url}/healthz`, ['Host: evil.example'])).toMatch(/^HTTP\/1\.1 403 /);
    expect(await exchange('/healthz', ['Host: allowed.example'])).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('answers its own pages, without a CORS header', async () => {
    const { host } = new URL(head.url);
    const answer = await exchange('/v1/head', [`Host: ${host}`, `Origin: ${head.url}`]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).not.toMatch(/access-control/i);
  });

  it.each([
    ['another name', { host: 'evil.example' }, 'HOST_REFUSED'],
    ['another site', { origin: 'http://evil.example' }, 'ORIGIN_REFUSED'],
    ['a page of its own: no worker is one', { origin: 'SELF' }, 'ORIGIN_REFUSED'],
    ['nobody', {}, 'UNAUTHENTICATED'],
  ])('opens no link for %s', async (_, given: Record<string, string>, code) => {
    const headers = given['origin'] === 'SELF' ? { origin: head.url } : given;
    const ws = new WebSocket(`${head.url.replace('http', 'ws')}/v1/link`, { headers });
    const body = await new Promise<string>((resolve) =>
      ws.once('unexpected-response', (_request, response) => {
        let text = '';
        response.on('data', (data) => {
          text += String(data);
        });
        response.on('end', () => resolve(text));
      }),
    );
    ws.on('error', () => undefined);
    ws.terminate();
    expect(JSON.parse(body)).toMatchObject({ error: { code } });
  });
});
