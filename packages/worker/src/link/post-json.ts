/** One POST of JSON by `node:http(s)`: the first `fetch` of a process costs it 10 MB for ever. */
import http from 'node:http';
import https from 'node:https';

const TIMEOUT_MS = 30_000;

/** @throws when there is no whole answer */
export function postJson(
  url: string,
  token: string,
  body: unknown,
): Promise<{ status: number; text: string }> {
  const { request } = url.startsWith('https:') ? https : http;
  const bytes = Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        method: 'POST',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': bytes.length,
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    call.on('error', reject);
    call.end(bytes);
  });
}
