// Stands for the built program in the tests of `local`: a head with a list of instances, a worker with one command.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [verb, ...rest] = process.argv.slice(2);
const flag = (name) => rest[rest.indexOf(name) + 1];
const state = flag('--state');
const note = (text) => process.env.FAKE_NOTES && appendFileSync(process.env.FAKE_NOTES, `${text}\n`);
mkdirSync(state, { recursive: true });
note(`${verb} ${process.pid} ${rest.join(' ')}`);
process.stderr.write(`${verb} is starting\n`);
if (process.env.FAKE_FAIL === verb) {
  process.stderr.write('no space left\n');
  process.exit(3);
}
const stop = () => {
  note(`${verb} stopped`);
  process.exit(0);
};
process.on('SIGTERM', stop);

if (verb === 'head') {
  const file = join(state, 'admin.token');
  if (!existsSync(file)) writeFileSync(file, 'fake-token\n');
  const token = readFileSync(file, 'utf8').trim();
  let items = [{ id: 'i-1', displayStatus: 'RUNNING' }];
  const server = createServer((request, response) => {
    const { method, url } = request;
    note(`${method} ${url}`);
    const reply = (status, body) => response.writeHead(status).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${token}`) {
      return reply(401, { error: { code: 'UNAUTHENTICATED', message: 'who?', details: {} } });
    }
    if (url === '/v1/join-tokens') return reply(201, { token: 'join' });
    if (method === 'DELETE') items = [];
    if (url?.startsWith('/v1/workers/')) return reply(200, { instances: 0, unknownInstances: [] });
    return reply(200, { items, nextCursor: null, herd: 'fake', rev: 1 });
  });
  server.listen(Number(flag('--port')), '127.0.0.1', () => {
    const url = `http://127.0.0.1:${server.address().port}`;
    process.stdout.write(`${JSON.stringify({ url, tokenFile: file })}\n`);
  });
} else {
  // A command that its worker does not end: only the folder says whose it is.
  const command = spawn('sleep', ['1000'], { cwd: state, detached: true, stdio: 'ignore' });
  note(`command ${command.pid}`);
  note(`worker joins with ${process.env.DROVER_JOIN_TOKEN}`);
  process.stdout.write(`${JSON.stringify({ workerId: `w-${process.pid}` })}\n`);
  setInterval(() => undefined, 1000);
}
