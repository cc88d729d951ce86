// Run a service by name, use it over HTTP, look at its log, stop it. The command finds its port in $PORT.
import { setTimeout as sleep } from 'node:timers/promises';
import * as pylet from 'drover/pylet';

/** Stands in for `vllm serve Qwen/Qwen2.5-1.5B-Instruct --port $PORT`. */
const SERVER = `
import http.server, json, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = json.dumps({"choices": [{"text": request["prompt"][::-1]}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)
    def log_message(self, *_):
        pass

print("serving", flush=True)
http.server.HTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
`;

await pylet.init();
const service = await pylet.submit(['python3', '-c', SERVER], { name: 'my-model', memory: 256 });
await service.waitRunning();

// Another program would find it by its name.
const found = await pylet.get('my-model');
console.log(`ready: ${found.endpoint === service.endpoint}`);
const response = await post(`http://${found.endpoint}/v1/completions`, { prompt: 'Hello', max_tokens: 10 });
console.log(await response.json());
console.log(await service.logs(1000));

await service.cancel();
await service.wait();
console.log(`Final status: ${service.status}`);

/** RUNNING means that the process runs; until it listens, a call is refused. */
async function post(url: string, body: object): Promise<Response> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(100);
    }
  }
}
