/** What becomes of a bulk stream when its worker is no longer there. */
import { request } from 'node:http';
import { sampleOffer } from '@drover/testkit';
import { expect, it } from 'vitest';
import WebSocket from 'ws';
import { startTestHead } from '../testing/test-head.ts';

const WORKER = '6b0a2f0e-6f7b-4a53-9d9c-0a2b8e3f1c41';

it('is cut when it is silent and its worker is OFFLINE, and not before', async () => {
  const head = await startTestHead({ timing: { pingMs: 100, leaseMs: 300, offlineMs: 1_000 } });
  const { token } = (await head.call('POST', '/v1/join-tokens', {})).json;
  const auth = { authorization: `Bearer ${token}` };
  const identity = (await head.call('POST', '/v1/join', { workerId: WORKER }, auth)).json;
  const headers = { authorization: `Bearer ${identity.token}` };
  const ws = new WebSocket(`${head.url.replace('http', 'ws')}/v1/link`, { headers });
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
  const frames: { type: string; ticket?: string }[] = [];
  ws.on('message', (data) => frames.push(...JSON.parse(String(data)).frames));
  const say = (...said: unknown[]): void =>
    ws.send(JSON.stringify({ herd: identity.herd, epoch: 0, frames: said }));
  const pings = setInterval(() => say({ type: 'ping', sentMs: 1 }), 50);
  say({
    type: 'hello',
    protocol: 1,
    session: '11111111-1111-4111-8111-111111111111',
    bootId: 'b',
    offer: sampleOffer({ cpu: 4, memoryMiB: 8192, diskMiB: 8192, gpus: 0, ports: 10 }),
    digest: 0,
    wallMs: Date.now(),
  });
  say({ type: 'inventory', items: [] });
  const { id } = (await head.call('POST', '/v1/instances', { command: 'true' })).json;
  await expect.poll(() => frames.some(({ type }) => type === 'start'), { timeout: 10_000 }).toBe(true);
  const reader = new AbortController();
  const reading = fetch(`${head.url}/v1/instances/${id}/logs?follow=true`, {
    headers: { authorization: `Bearer ${head.token}` },
    signal: reader.signal,
  }).catch(() => undefined);
  const asked = () => frames.find(({ type }) => type === 'sendLog')?.ticket;
  await expect.poll(asked, { timeout: 10_000 }).toBeDefined();
  const extent = { 'drover-log-offset': '0', 'drover-log-available': '0', 'drover-log-size': '4' };
  const upload = request(`${head.url}/v1/link/streams/${asked()}`, {
    method: 'PUT',
    headers: { ...headers, ...extent, 'content-type': 'application/octet-stream' },
  });
  let cut = false;
  upload.on('error', () => {
    cut = true;
  });
  upload.write('out\n');
  await reading;
  // A follower of a worker that is there may wait for as long as it likes.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  expect(cut).toBe(false);
  clearInterval(pings);
  // It lost its power: neither connection is closed.
  ws.pause();
  await expect.poll(() => cut, { timeout: 15_000 }).toBe(true);
  const worker = await head.call('GET', `/v1/workers/${WORKER}`);
  expect(worker.json.status).toBe('OFFLINE');
  reader.abort();
  ws.terminate();
  await head.close();
}, 30_000);
