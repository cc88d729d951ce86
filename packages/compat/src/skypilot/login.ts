/**
 * `sky api login -e URL` without a token. The client shows an address with the digest of a code; who opens it proves who
 * they are with a token of theirs as the password, and approves; the client, which alone knows the code, fetches a token.
 * It keeps that in its cookies for a week, so the token lives as long.
 */
import { invalid, isDroverError } from '@drover/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Approvals } from './approvals.ts';
import { Body } from './body.ts';
import type { SkypilotContext } from './context.ts';
import { sendPage } from './login-page.ts';

const TOKEN_NAME = 'sky login';
const TOKEN_S = 7 * 24 * 3_600;
const FORM_BYTES = 4_096;
const FORM = 'application/x-www-form-urlencoded';
/** SHA-256 and 32 random bytes, both in base64url. */
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

export function loginRoutes(scope: FastifyInstance, context: SkypilotContext): void {
  const { engine, bearerOf, actorOf } = context;
  const approvals = new Approvals();

  scope.get('/auth/authorize', async (request, reply) => {
    const challenge = challengeOf(Body.ofQuery(request));
    const { bearer, problem } = approverOf(request);
    if (bearer === null) return await sendPage(reply, 403, { title: 'Cannot log in', says: [problem] });
    return await sendPage(reply, 200, {
      title: `Log in as ${bearer.user.name}?`,
      says: [
        `Somebody has run "sky api login" and wants to act as ${bearer.user.name} on this head for a week.`,
        `Go on only if that was you, just now, and the address that it printed ends with ${challenge.slice(-8)}.`,
      ],
      challenge,
    });
  });

  scope.register(async (forms) => {
    forms.removeAllContentTypeParsers();
    forms.addContentTypeParser(FORM, { parseAs: 'string', bodyLimit: FORM_BYTES }, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    forms.post('/auth/authorize', async (request, reply) => {
      const challenge = challengeOf(Body.of(request));
      const { bearer, problem } = approverOf(request);
      if (bearer === null) return await sendPage(reply, 403, { title: 'Cannot log in', says: [problem] });
      try {
        approvals.approve(challenge, { actor: actorOf(request), bearer });
      } catch (error) {
        if (!isDroverError(error)) throw error;
        return await sendPage(reply, error.status, { title: 'Cannot log in', says: [error.message] });
      }
      return await sendPage(reply, 200, {
        title: 'Logged in',
        says: ['"sky api login" goes on by itself now. This page can be closed.'],
      });
    });
  });

  /** Asked once a second by whoever has the code; 404: not approved yet. */
  scope.get('/api/v1/auth/token', async (request, reply) => {
    const code = Body.ofQuery(request).text('code_verifier');
    const approval = CHALLENGE.test(code) ? approvals.take(code) : null;
    // As it is now: it may have been revoked since.
    const bearer = approval && engine.tokens.authenticate(approval.bearer.token.digest);
    if (!approval || !bearer) return await reply.status(404).send({ detail: 'not approved yet' });
    const { actor } = approval;
    const ttlS = Math.min(TOKEN_S, engine.tokens.longestS(bearer) ?? TOKEN_S);
    const { token } = engine.tokens.create(actor, bearer, { name: TOKEN_NAME, ttlS });
    await engine.state.durable();
    const said = { v: 1, user: bearer.user.id, cookies: { [context.cookie]: token } };
    reply.header('cache-control', 'no-store');
    return { token: Buffer.from(JSON.stringify(said)).toString('base64') };
  });

  /** Where the client leads when nobody approved in time. */
  scope.get('/token', async (_request, reply) => await toldToUseToken(reply));

  function approverOf(request: FastifyRequest): { bearer: ReturnType<typeof bearerOf>; problem: string } {
    const bearer = bearerOf(request);
    if (bearer === null) return { bearer, problem: ADMIN_IS_NOBODY };
    const { role, scope: project } = bearer.token;
    return role === null && project === null ? { bearer, problem: '' } : { bearer: null, problem: NARROWED };
  }
}

const WITH_TOKEN = 'sky api login -e ADDRESS --token sky_TOKEN';
const ADMIN_IS_NOBODY = `The admin's own token is nobody in particular, so nobody can be logged in with it. Take a token of a user, or run: ${WITH_TOKEN}`;
const NARROWED = `This token is narrowed to a role or a project, so no other can be made with it. Run: ${WITH_TOKEN}`;

const toldToUseToken = (reply: FastifyReply): Promise<unknown> =>
  sendPage(reply, 200, {
    title: 'Log in with a token',
    says: [
      'Press Ctrl-C where "sky api login" waits. Run it again and open the address that it prints within five minutes,',
      `or give it a token: ${WITH_TOKEN}`,
    ],
  });

/** @throws {DroverError} INVALID_REQUEST */
function challengeOf(body: Body): string {
  const challenge = body.text('code_challenge');
  if (!CHALLENGE.test(challenge)) throw invalid('code_challenge', '43 letters, digits, - and _', challenge);
  return challenge;
}
