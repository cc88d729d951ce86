/** One POST of JSON by `node:http(s)`: the first `fetch` of a process costs it 10 MB for ever. */
import { type HeadAddress, requesterOf, urlAt } from './head-address.ts';

const TIMEOUT_MS = 30_000;

/** @throws when there is no whole answer */
export function postJson(
  head: HeadAddress,
  path: string,
  token: string,
  body: unknown,
): Promise<{ status: number; text: string }> {
  const { request, agent } = requesterOf(head, { keepAlive: false });
  const bytes = Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const call = request(
      urlAt(head, path),
      {
        method: 'POST',
        agent,
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
