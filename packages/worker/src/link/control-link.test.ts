import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { type Agent, LINK_CLOSE } from '../agent/index.ts';
import { type ControlLinkOptions, openControlLink } from './control-link.ts';

const nothing = (): void => undefined;
let server: http.Server;
let dials: number;
/** The status of the answer to a dial, or the close code after a link was opened. */
let answer: number;
let running: number;
let close: () => void;
let errors: string[];

beforeEach(async () => {
  dials = 0;
  answer = 401;
  running = 0;
  errors = [];
  const links = new WebSocketServer({ noServer: true });
  server = http.createServer().on('upgrade', (request, socket, head) => {
    dials += 1;
    if (answer < 1000) socket.end(`HTTP/1.1 ${answer} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    else links.handleUpgrade(request, socket, head, (ws) => ws.close(answer, 'so it is'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  close();
  server.close();
});

/** Opens a link. @returns its refusal, when there is one */
function refusal(secret: ControlLinkOptions['secret'] = { token: 't' }): Promise<string> {
  const agent: Pick<Agent, 'opened' | 'closed' | 'receive' | 'isWelcome' | 'running'> = {
    opened: nothing,
    closed: nothing,
    receive: nothing,
    isWelcome: false,
    get running() {
      return running;
    },
  };
  return new Promise((resolve) => {
    const link = openControlLink({
      head: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: null },
      secret,
      agent: agent as Agent,
      log: { info: nothing, warn: nothing, error: (_, message) => void errors.push(message) },
      onRefused: resolve,
      refusedBackOffMs: 1,
    });
    close = () => link.close();
  });
}

const dialled = async (times: number): Promise<void> => {
  while (dials < times) await new Promise((resolve) => setTimeout(resolve, 2));
};

test('an identity that the head does not know is given up after five refusals in a row', async () => {
  expect(await refusal()).toBe('the head does not know this identity');
  expect(dials).toBe(5);
  expect(errors).toHaveLength(5);
});

test('a refusal counts when all earlier secrets have been refused too', async () => {
  let left = 30;
  expect(await refusal({ token: 't', refused: () => left-- > 0 })).toBe(
    'the head does not know this identity',
  );
  expect([dials, errors.length]).toEqual([35, 5]);
});

test('as long as an instance runs here the link is dialled on, whatever the head answers', async () => {
  running = 1;
  const refused = refusal();
  await dialled(7);
  running = 0;
  expect(await refused).toBe('the head does not know this identity');
});

test('another answer in between begins the count anew', async () => {
  const refused = refusal();
  await dialled(3);
  answer = LINK_CLOSE.identityInUse;
  await dialled(5);
  answer = 401;
  await refused;
  expect(dials).toBeGreaterThanOrEqual(5 + 4);
});

test('a worker that was deleted is told so by a close code, and ends at once', async () => {
  answer = LINK_CLOSE.deleted;
  running = 1;
  expect(await refusal()).toBe('this worker has been deleted at the head');
  expect(dials).toBe(1);
});
