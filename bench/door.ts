/**
 * One user's calls while another floods the head: 500 connections that say nothing, and as many wrong calls with one token
 * as the head answers. The limit is the same user's calls on the quiet head, measured before and after in each round.
 */
import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client } from 'drover';
import { type BenchHerd, startBenchHerd } from './herd.ts';
import { overRounds, printRow, spreadOf, timed } from './measure.ts';

const IDLE = 500;
const FLOOD_CONNECTIONS = 128;
const CALLS = 2_000;
/** The flood has spent what it may do at once, and is at its steady state. */
const SETTLE_MS = 2_000;

export async function benchDoor(rounds: number): Promise<void> {
  const herd = await startBenchHerd();
  try {
    const ana = await userOf(herd, 'ana');
    const bo = await userOf(herd, 'bo');
    const quiet: number[] = [];
    const flooded: number[] = [];
    let answers = '';
    for (let round = 0; round < rounds; round += 1) {
      const before = await p99Of(ana.client);
      const idle = await Promise.all(Array.from({ length: IDLE }, () => openIdle(herd.client.url)));
      const flood = startFlood(herd.client.url, bo.token);
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      flooded.push(await p99Of(ana.client));
      answers = await flood.stop();
      for (const socket of idle) socket.destroy();
      quiet.push((before + (await p99Of(ana.client))) / 2);
    }
    printRow('p99 of a call on the quiet head', `${overRounds(quiet, 2)} ms`, 'min / median / max');
    printRow(`p99 beside ${IDLE} idle connections and a flood`, `${overRounds(flooded, 2)} ms`);
    const ratios = flooded.map((value, at) => value / (quiet[at] ?? Number.NaN));
    printRow(
      'as a multiple of quiet (aim: within 2)',
      overRounds(ratios, 2),
      `last flood was answered ${answers}`,
    );
  } finally {
    await herd.close();
  }
}

async function userOf(herd: BenchHerd, name: string): Promise<{ client: Client; token: string }> {
  await herd.client.users.create({ name });
  const { token } = await herd.client.tokens.create({ user: name });
  return { token, client: new Client({ url: herd.client.url, token }) };
}

async function p99Of(client: Client): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < CALLS; at += 1) times.push(await timed(() => client.head.whoami()));
  return spreadOf(times).p99;
}

async function openIdle(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('error', () => undefined);
  return socket;
}

function startFlood(url: string, token: string): { stop(): Promise<string> } {
  const script = fileURLToPath(new URL('./flood.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, url, token, String(FLOOD_CONNECTIONS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return {
    async stop() {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('close', resolve));
      return said.trim();
    },
  };
}
