/** Short calls that are kept as requests. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHead, type TestHead } from '../testing/test-head.ts';

let head: TestHead;
beforeAll(async () => {
  head = await startTestHead();
});
afterAll(() => head.close());

const KEY = '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c11';
const error = { code: 'CLUSTER_NOT_FOUND', message: 'no such cluster', details: { ref: 'c' } };

describe('the outcome of a short call', () => {
  it('is kept for whoever knows the id, as the user who made the call', async () => {
    const body = { name: 'status', cluster: 'c', result: [1, null] };
    const made = await head.call('POST', '/v1/requests', body, { 'drover-user': 'bob' });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      name: 'status',
      status: 'SUCCEEDED',
      user: { id: 'bob' },
      cluster: 'c',
    });
    expect((await head.call('GET', `/v1/requests/${made.json.id}?wait=true`)).json).toEqual(made.json);
    expect(made.json.result).toEqual([1, null]);
    const failed = await head.call('POST', '/v1/requests', { name: 'stop', error });
    expect(failed.json).toMatchObject({ status: 'FAILED', error, result: null });
  });

  it('is kept once, however often it is sent', async () => {
    const first = await head.call(
      'POST',
      '/v1/requests',
      { name: 'a', result: 1 },
      { 'idempotency-key': KEY },
    );
    const again = await head.call(
      'POST',
      '/v1/requests',
      { name: 'a', result: 1 },
      { 'idempotency-key': KEY },
    );
    expect([first.json.id, again.json]).toEqual([KEY, first.json]);
  });

  it.each([
    ['name', {}],
    ['name', { name: 'No verb' }],
    ['cluster', { name: 'a', cluster: 7 }],
    ['error.code', { name: 'a', error: { ...error, code: 'NO_SUCH_CODE' } }],
    ['error', { name: 'a', error: { ...error, code: 'toString' } }],
    ['error.details', { name: 'a', error: { ...error, details: 1 } }],
    ['reslt', { name: 'a', reslt: 1 }],
  ])('is refused where %s is wrong: %j', async (field, body) => {
    const reply = await head.call('POST', '/v1/requests', body);
    expect(reply.status, reply.text).toBe(400);
    expect(reply.json.error).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(reply.json.error.details.field).toMatch(new RegExp(`^${field.split('.')[0]}`));
  });

  it('is refused beyond 1 MiB, and under an id that is none', async () => {
    const large = await head.call('POST', '/v1/requests', { name: 'a', result: 'x'.repeat(1024 * 1024) });
    expect(large.json.error).toMatchObject({ code: 'BODY_TOO_LARGE', details: { limit: 1024 * 1024 } });
    const bad = await head.call('POST', '/v1/requests', { name: 'a' }, { 'idempotency-key': 'x' });
    expect(bad.json.error).toMatchObject({ details: { field: 'Idempotency-Key' } });
  });
});
