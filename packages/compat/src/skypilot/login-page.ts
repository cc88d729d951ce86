/** The pages of a login by a browser: text and one form; no script, no frame, nothing from elsewhere. */
import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem; }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
button { font: inherit; padding: 0.4rem 1.2rem; }
`;

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': POLICY,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Without a referrer at all the form would come from the origin "null", which is refused.
  'referrer-policy': 'same-origin',
};

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => ESCAPES[sign] ?? sign);

/** What a page says, a paragraph each. `challenge`: with a button that approves this login. */
export interface Page {
  readonly title: string;
  readonly says: readonly string[];
  readonly challenge?: string;
}

/** @param status of the reply */
export async function sendPage(reply: FastifyReply, status: number, page: Page): Promise<unknown> {
  const { title, says, challenge } = page;
  const form =
    challenge === undefined
      ? ''
      : `<form method="post"><input type="hidden" name="code_challenge" value="${escaped(challenge)}">
<button>Log in</button></form>`;
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
${says.map((text) => `<p>${escaped(text)}</p>`).join('\n')}
${form}
</main>
</body>
</html>
`;
  return await reply.status(status).headers(HEADERS).send(html);
}
