/** Clients that lose replies, do not read, do not speak, or come all at once. Titles begin with the number of the scenario. */
import { connect } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { usageOf } from '../harness/processes.ts';
import { pause, until } from '../harness/shell.ts';
import { joinMany } from './protocol-workers.ts';
import { closeAtEnd, Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open({ workers: { w1: 'veth' } });
});
closeAtEnd(() => stage);

const headRss = (): number => usageOf(stage.herd.head.program?.pid ?? 0)?.rssMiB ?? 0;

it('N16: a reply that is lost after the head has done it: the same key, the same instance', async () => {
  const proxy = await stage.herd.clientProxy();
  const client = stage.herd.client(20_000, `http://${stage.herd.network.hubAddress}:${proxy.port}`);
  for (let round = 0; round < 10; round++) {
    proxy.faults.losesReplies = 1 + (round % 3);
    const nonce = `n16-${round}`;
    const body = { command: ['true'], labels: { nonce }, resources: { cpu: 0.1, memoryMiB: 64 } };
    const view = await client.instances.submit(body, { idempotencyKey: nonce });
    expect((await stage.client.instances.page({ labels: { nonce } })).items.map((each) => each.id)).toEqual([
      view.id,
    ]);
  }
  expect(proxy.counts.repliesLost).toBe(19);
  await proxy.close();
});

it('N11: readers that do not read a flood of log cost a bounded buffer and nobody else anything', async () => {
  const flood = await stage.submit('head -c 100000000 /dev/zero | tr "\\0" x; sleep 300', 'w1', {
    // Pages of a log on tmpfs count as the memory of the command that writes them.
    resources: { cpu: 0.1, memoryMiB: 1_024 },
    logCapMiB: 128,
  });
  await stage.running(flood.id);
  const before = headRss();
  const { hostname, port } = new URL(stage.herd.url);
  const sockets = Array.from({ length: 5 }, () => {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    socket.pause();
    socket.write(
      `GET /v1/instances/${flood.id}/logs?follow=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${stage.herd.token}\r\n\r\n`,
    );
    return socket;
  });
  let most = 0;
  for (let look = 0; look < 20; look++) {
    await pause(150);
    most = Math.max(most, headRss());
    const begun = performance.now();
    await stage.client.head.get();
    expect(performance.now() - begun).toBeLessThan(1_000);
  }
  expect(most - before).toBeLessThan(120);
  expect(await stage.status('w1')).toBe('ONLINE');
  expect(await stage.ended((await stage.submit(['true'], 'w1')).id)).toMatchObject({ status: 'COMPLETED' });
  for (const socket of sockets) socket.destroy();
  expect(await stage.client.instances.get(flood.id)).toMatchObject({ status: 'RUNNING', reason: null });
  await stage.client.instances.cancel(flood.id);
  await stage.ended(flood.id);
});

it('N12: 500 connections that never finish their headers do not disturb those that do', async () => {
  const { hostname, port } = new URL(stage.herd.url);
  const sockets = Array.from({ length: 500 }, () => {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    socket.write('GET /v1/instances HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    return socket;
  });
  const drip = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x');
  }, 300);
  for (let round = 0; round < 15; round++) {
    const begun = performance.now();
    expect(await stage.ended((await stage.submit(['true'], 'w1')).id)).toMatchObject({ status: 'COMPLETED' });
    expect(performance.now() - begun).toBeLessThan(2_000);
  }
  expect(await stage.status('w1')).toBe('ONLINE');
  clearInterval(drip);
  for (const socket of sockets) socket.destroy();
});

it('N15: 200 workers that come back at once after a restart of the head', async () => {
  const { token } = await stage.client.joinTokens.create({ uses: 200 });
  const herd = await joinMany({ url: stage.herd.url, joinToken: token, count: 200 });
  const online = async (): Promise<number> => (await stage.client.workers.list({ status: 'ONLINE' })).length;
  await until('200 are ONLINE', async () => (await online()) === 201, 30_000);
  await stage.herd.end(stage.herd.head, 'SIGKILL');
  await stage.herd.startHead();
  const begun = performance.now();
  const times: number[] = [];
  while ((await online()) < 201) {
    if (performance.now() - begun > 30_000) throw new Error(`${await online()} of 201 are ONLINE after 30 s`);
    const sent = performance.now();
    await stage.client.head.get();
    times.push(performance.now() - sent);
    await pause(20);
  }
  times.sort((a, b) => a - b);
  expect(times[Math.floor(times.length * 0.99)] ?? 0).toBeLessThan(1_000);
  expect(await stage.ended((await stage.submit(['true'], 'w1')).id)).toMatchObject({ status: 'COMPLETED' });
  herd.close();
  await until('they are OFFLINE', async () => (await online()) === 1, 20_000);
  await until('they are forgotten', async () => {
    await stage.client.workers.deleteAllOffline();
    return (await stage.client.workers.list()).length === 1;
  });
});
