import { hostname, networkInterfaces } from 'node:os';
import type { Client } from '@drover/client';
import type { Call, Env } from '../call.ts';
import { isLoopback } from '../head/run.ts';
import { stateRoot } from '../settings/state.ts';
import { readHerdFile } from './files.ts';

/**
 * The address of a head as another machine says it. This machine calls the head of `drover up --host 0.0.0.0` by
 * loopback, which over there would be another machine. Of any other head it is the address itself.
 */
export function urlElsewhere(env: Env, url: string): string {
  const { url: own, host } = readHerdFile(stateRoot(env));
  if (url !== own || !host || isLoopback(host) || !url.startsWith('https:')) return url;
  const { port } = new URL(url);
  const name = host === '0.0.0.0' || host === '::' ? addressHere() : host;
  return `https://${name.includes(':') ? `[${name}]` : name}${port && `:${port}`}`;
}

/** The first by which others may know this machine: an IPv4 one, as every network has them. */
function addressHere(): string {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? hostname();
}

/** What a command on another machine says of the head: its address, and the authority to trust as a flag. */
export async function headFor(call: Call, client: Client): Promise<{ url: string; caFlag: string }> {
  const { tls } = await client.head.get();
  const ca = client.url.startsWith('https:') ? (tls?.ca ?? null) : null;
  return { url: urlElsewhere(call.env, client.url), caFlag: ca === null ? '' : ` --ca ${ca}` };
}
