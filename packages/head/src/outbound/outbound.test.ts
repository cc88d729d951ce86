/** What a user's URL can make this head do (I11): no more than one bounded call to an address that was judged. */
import { createSocket } from 'node:dgram';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import type { Outbound, OutboundCall } from '@drover/engine';
import { afterEach, describe, expect, it } from 'vitest';
import { newAuthority, newLeaf } from '../tls/x509.ts';
import { openOutbound } from './client.ts';
import { nameServers } from './names.ts';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

interface Site {
  readonly port: number;
  readonly seen: string[];
}

/** A server at one address of this machine that notes who calls it. */
async function site(
  answer: RequestListener = (_, reply) => reply.end('here'),
  host = '127.0.0.2',
): Promise<Site> {
  return await listen(createHttp(answer), host);
}

async function listen(server: Server, host: string): Promise<Site> {
  const seen: string[] = [];
  server.prependListener('request', ({ method, url, headers, socket }) =>
    seen.push(`${method} ${headers.host} ${url} at ${socket.localAddress}`),
  );
  server.on('connection', () => seen.push('connection'));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  open.push({
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

const call = (outbound: Outbound, url: string, more: Partial<OutboundCall> = {}) =>
  outbound.call({ url, method: 'GET', timeoutMs: 2_000, mostBytes: 1_000, ...more });
const textOf = async (answer: ReturnType<typeof call>): Promise<string> =>
  Buffer.from((await answer).body).toString();

/** Names with what each of their questions is answered, the last one for ever. */
function names(answers: Record<string, string[][]>): {
  asked: string[];
  resolve: (name: string) => Promise<string[]>;
} {
  const asked: string[] = [];
  return {
    asked,
    async resolve(name) {
      const at = asked.filter((each) => each === name).length;
      asked.push(name);
      return answers[name]?.[at] ?? answers[name]?.at(-1) ?? [];
    },
  };
}

const HERE = ['127.0.0.2'];
const refusal = (rule: RegExp) => ({ code: 'OUTBOUND_REFUSED', message: expect.stringMatching(rule) });
const failure = (rule: RegExp) => ({ code: 'OUTBOUND_FAILED', message: expect.stringMatching(rule) });

describe('a URL that a user gives', () => {
  const outbound = openOutbound({
    allow: [],
    resolve: () => Promise.reject(new Error('nothing may be asked')),
  });

  it.each([
    ['http://127.0.0.1/', /this machine/],
    ['http://127.1/', /127\.0\.0\.1, and it is this machine/],
    ['http://2130706433/', /127\.0\.0\.1, and it is this machine/],
    ['http://0x7f000001/', /127\.0\.0\.1, and it is this machine/],
    ['http://0177.0.0.1/', /127\.0\.0\.1, and it is this machine/],
    ['http://①②⑦.0.0.1/', /127\.0\.0\.1, and it is this machine/],
    ['http://127.0.0.1./', /this machine/],
    ['http://%31%32%37.0.0.1/', /this machine/],
    ['http://localhost/', /this machine/],
    ['http://LOCALHOST.:8080/', /this machine/],
    ['http://a.localhost/', /this machine/],
    ['http://0/', /no particular host/],
    ['http://[::]/', /no particular host/],
    ['http://[::1]:3768/', /this machine/],
    ['http://[::ffff:127.0.0.1]/', /translation/],
    ['http://[::ffff:a9fe:a9fe]/', /translation/],
    ['http://[64:ff9b::169.254.169.254]/', /translation/],
    ['http://169.254.169.254/latest/meta-data/', /secrets of this machine/],
    ['http://2852039166/', /secrets of this machine/],
    ['http://[fd00:ec2::254]/', /secrets of this machine/],
    ['http://10.0.0.1/', /private/],
    ['http://[fe80::1]/', /link/],
    ['https://user:pass@example.com/', /user name or password/],
    ['https://user@example.com/', /user name or password/],
    ['ftp://example.com/', /only http and https/],
    ['file:///etc/passwd', /only http and https/],
    ['gopher://example.com/', /only http and https/],
    ['javascript:alert(1)', /only http and https/],
    ['data:text/plain,x', /only http and https/],
    ['//example.com/', /it is none/],
    ['example.com', /it is none/],
    ['', /it is none/],
    ['http://', /it is none/],
    ['http://a..b/', /no name/],
    ['http://example.com\\@127.0.0.1/', /backslash/],
    ['http://exa\nmple.com/', /control/],
    ['http://example.com/ HTTP/1.1', /space/],
    [' http://example.com/', /space/],
    [`http://example.com/${'x'.repeat(3_000)}`, /2048/],
    ['http://example.com:22/', /port 22/],
    ['http://example.com:25/', /port 25/],
    ['http://example.com:6379/', /port 6379/],
    ['http://example.com:11211/', /port 11211/],
    ['http://example.com:0/', /port 0/],
    ['http://example.com:65536/', /it is none/],
  ])('is refused before anybody is asked: %s', async (url, rule) => {
    await expect(call(outbound, url)).rejects.toMatchObject(refusal(rule));
    expect(() => outbound.check(url)).toThrow(rule);
  });

  it('is not repeated with what may be secret in it', async () => {
    for (const url of ['http://u:hunter2@h/', 'http://10.0.0.1/hook?key=hunter2', 'http://h/hunter2 x'])
      await expect(call(outbound, url)).rejects.not.toThrow(/hunter2/);
  });

  it.each([
    'Host',
    'connection',
    'Transfer-Encoding',
    'content-length',
    'Upgrade',
    'Cookie',
    'Proxy-Authorization',
  ])('does not come with %s', async (header) => {
    await expect(call(outbound, 'http://example.com/', { headers: { [header]: 'x' } })).rejects.toMatchObject(
      refusal(/cannot be set/),
    );
  });

  it('injects no header', async () => {
    const { port, seen } = await site();
    const here = openOutbound({ allow: HERE });
    const url = `http://127.0.0.2:${port}/a%0d%0aX-Evil:1`;
    await expect(call(here, url, { headers: { 'x-a': 'b\r\nX-Evil: 1' } })).rejects.toMatchObject(
      failure(/ERR_INVALID_CHAR/),
    );
    await call(here, url);
    expect(seen).toContain(`GET 127.0.0.2:${port} /a%0d%0aX-Evil:1 at 127.0.0.2`);
  });
});

describe('a name', () => {
  it('is asked once, and called at the address that was judged, by its own name', async () => {
    const { port, seen } = await site();
    // What was asked a second time would lead to this machine.
    const known = names({ 'hook.test': [['127.0.0.2'], ['127.0.0.1']] });
    const outbound = openOutbound({ allow: HERE, resolve: known.resolve });
    expect(await textOf(call(outbound, `http://hook.test:${port}/a?b=c#d`))).toBe('here');
    expect(known.asked).toEqual(['hook.test']);
    expect(seen).toEqual(['connection', `GET hook.test:${port} /a?b=c at 127.0.0.2`]);
  });

  it('that leads elsewhere a moment later (DNS rebinding) is judged anew, and not called', async () => {
    const inside = await site(undefined, '127.0.0.1');
    const known = names({ 'hook.test': [['127.0.0.2'], ['127.0.0.1']] });
    const outbound = openOutbound({ allow: HERE, resolve: known.resolve });
    const url = `http://hook.test:${inside.port}/`;
    await expect(call(outbound, url)).rejects.toMatchObject(failure(/nothing listens/));
    await expect(call(outbound, url)).rejects.toMatchObject(refusal(/127\.0\.0\.1, and it is this machine/));
    expect(inside.seen).toEqual([]);
  });

  it('is refused for one bad address among good ones, wherever it stands', async () => {
    const { port, seen } = await site();
    const bad = ['127.0.0.1', '::1', '169.254.169.254', '10.0.0.1', '::ffff:127.0.0.2', 'not an address'];
    for (const address of bad)
      for (const answer of [
        ['127.0.0.2', address],
        [address, '127.0.0.2'],
      ]) {
        const outbound = openOutbound({ allow: HERE, resolve: async () => answer });
        await expect(call(outbound, `http://hook.test:${port}/`)).rejects.toMatchObject(
          refusal(/hook\.test is/),
        );
      }
    expect(seen).toEqual([]);
  });

  it('with several addresses is called at one that answers', async () => {
    const { port } = await site();
    const outbound = openOutbound({
      allow: ['127.0.0.2/31'],
      resolve: async () => ['127.0.0.3', '127.0.0.2'],
    });
    expect(await textOf(call(outbound, `http://hook.test:${port}/`))).toBe('here');
  });

  it('is asked of real name servers, which may be silent, or lie', async () => {
    const server = createSocket('udp4');
    let address = '127.0.0.2';
    server.on('message', (question, from) =>
      server.send(dnsAnswer(question, address), from.port, from.address),
    );
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    open.push(server);
    const { port, seen } = await site();
    const resolve = nameServers([`127.0.0.1:${server.address().port}`]);
    const outbound = openOutbound({ allow: HERE, resolve });
    expect(await textOf(call(outbound, `http://hook.test:${port}/`))).toBe('here');
    address = '127.0.0.1';
    await expect(call(outbound, `http://hook.test:${port}/`)).rejects.toMatchObject(refusal(/this machine/));
    server.removeAllListeners('message');
    await expect(call(outbound, `http://hook.test:${port}/`, { timeoutMs: 50 })).rejects.toMatchObject(
      failure(/more than 50 ms/),
    );
    expect(seen.filter((each) => each === 'connection')).toHaveLength(1);
  });
});

describe('a call', () => {
  const outbound = openOutbound({ allow: HERE });
  const at = (port: number): string => `http://127.0.0.2:${port}/`;

  it('sends what it is given, and brings the answer', async () => {
    const { port } = await site((asked, reply) => {
      let body = '';
      asked.on('data', (chunk) => {
        body += String(chunk);
      });
      asked.on('end', () => {
        reply.writeHead(202, { 'x-a': 'b', 'set-cookie': 'c=d' });
        reply.end(`${asked.method} ${asked.headers['x-key']} ${body}`);
      });
    });
    const more = { method: 'POST', headers: { 'x-key': 'k' }, body: '{"ü":1}' } as const;
    const answer = await call(outbound, at(port), more);
    expect([answer.status, Buffer.from(answer.body).toString()]).toEqual([202, 'POST k {"ü":1}']);
    expect(answer.headers).toMatchObject({ 'x-a': 'b' });
    expect(Object.keys(answer.headers)).not.toContain('set-cookie');
  });

  it('follows no redirect', async () => {
    const inside = await site(undefined, '127.0.0.1');
    const { port, seen } = await site((_, reply) =>
      reply.writeHead(307, { location: `http://127.0.0.1:${inside.port}/` }).end(),
    );
    expect(await call(outbound, at(port))).toMatchObject({
      status: 307,
      headers: { location: `http://127.0.0.1:${inside.port}/` },
    });
    expect([seen.length, inside.seen]).toEqual([2, []]);
  });

  it('has a connection of its own, and asks no proxy', async () => {
    const proxy = await site(undefined, '127.0.0.1');
    const before = { ...process.env };
    for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'])
      process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : `http://127.0.0.1:${proxy.port}`;
    try {
      const { port, seen } = await site();
      await call(outbound, at(port));
      await call(outbound, at(port));
      expect(seen.filter((each) => each === 'connection')).toHaveLength(2);
      expect(proxy.seen).toEqual([]);
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    }
  });

  it.each([
    ['longer than wanted', 'HTTP/1.1 200 OK\r\n\r\n'.padEnd(5_000, 'x'), /more than 1000 bytes/],
    ['cut off', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nxx', /ended|aborted/],
    ['with a header without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`, /header of its answer/],
    ['in no language of ours', 'SSH-2.0-OpenSSH\r\n', /HPE_/],
    ['of two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx', /HPE_/],
    ['nothing', '', /ended/],
  ])('fails with words for an answer that is %s', async (_, answer, rule) => {
    const server = createTcp((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve));
    open.push(server);
    const { port } = server.address() as AddressInfo;
    await expect(call(outbound, at(port))).rejects.toMatchObject(failure(rule));
  });

  it('ends when its time is over: in the answer, in its header, and before', async () => {
    const drip = await site((_, reply) => {
      reply.write('x');
      const timer = setInterval(() => reply.write('x'), 5);
      reply.on('close', () => clearInterval(timer));
    });
    const silent = await site(() => undefined);
    for (const { port } of [drip, silent])
      await expect(call(outbound, at(port), { timeoutMs: 50 })).rejects.toMatchObject(
        failure(/more than 50 ms/),
      );
    const never = openOutbound({ allow: [], resolve: () => new Promise(() => undefined) });
    await expect(call(never, 'http://h.test/', { timeoutMs: 20 })).rejects.toMatchObject(failure(/20 ms/));
  });

  it('is one of so many at once', async () => {
    const never = openOutbound({ allow: [], resolve: () => new Promise(() => undefined) });
    const all = Array.from({ length: 101 }, () => call(never, 'http://h.test/', { timeoutMs: 50 }));
    const codes = (await Promise.allSettled(all)).map(
      (each) => (each as PromiseRejectedResult).reason.code as string,
    );
    expect(codes.filter((code) => code === 'TOO_MANY_REQUESTS')).toHaveLength(1);
    await expect(call(never, 'http://h.test/', { timeoutMs: 5 })).rejects.toMatchObject(failure(/5 ms/));
  });
});

describe('a call over TLS', () => {
  it('is made to who can show the name, by an authority that is trusted, and to nobody else', async () => {
    const authority = await newAuthority(Date.now());
    const leaf = await newLeaf(authority, ['hook.test', '127.0.0.2'], Date.now(), 86_400_000);
    const shown: string[] = [];
    const server = createHttps(
      {
        cert: leaf.cert,
        key: leaf.key,
        SNICallback: (name, done) => done(null, void shown.push(name) as undefined),
      },
      (_, reply) => reply.end('here'),
    );
    const { port } = await listen(server, '127.0.0.2');
    const resolve = async (): Promise<string[]> => HERE;
    const trusting = openOutbound({ allow: HERE, resolve, ca: authority.cert });
    expect(await textOf(call(trusting, `https://hook.test:${port}/`))).toBe('here');
    expect(await textOf(call(trusting, `https://127.0.0.2:${port}/`))).toBe('here');
    await expect(call(trusting, `https://other.test:${port}/`)).rejects.toMatchObject(
      failure(/TLS: .*ALTNAME/),
    );
    const strange = openOutbound({ allow: HERE, resolve });
    await expect(call(strange, `https://hook.test:${port}/`)).rejects.toMatchObject(failure(/TLS: /));
    expect(shown).toContain('hook.test');
  });
});

/** The one answer to a question for an A record; none to any other. */
function dnsAnswer(question: Buffer, address: string): Buffer {
  const end = question.indexOf(0, 12) + 5;
  const isA = question.readUInt16BE(end - 4) === 1;
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(isA ? 1 : 0, 6);
  header.writeUInt32BE(0, 8);
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]);
  return Buffer.concat([header, question.subarray(12, end), ...(isA ? [answer] : [])]);
}
