// Calls one head wrongly, as fast as its answers let it: `node flood.mjs URL TOKEN CONNECTIONS`. Prints how many answers came.
import { Agent, request } from 'node:http';

const [url, token, connections] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const answers = {};
const bodies = ['{"command":1}', '{"nothing":true}', '{'];

function call(at) {
  const body = bodies[at % bodies.length];
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': body.length,
  };
  const sent = request(`${url}/v1/instances`, { method: 'POST', agent, headers }, (response) => {
    answers[response.statusCode] = (answers[response.statusCode] ?? 0) + 1;
    response.resume().on('end', () => call(at + 1));
  });
  sent.on('error', () => {
    answers.cut = (answers.cut ?? 0) + 1;
    setTimeout(call, 10, at + 1);
  });
  sent.end(body);
}
for (let at = 0; at < Number(connections); at += 1) call(at);
process.on('SIGTERM', () => {
  console.log(JSON.stringify(answers));
  process.exit(0);
});
