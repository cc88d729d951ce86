import { hostname, networkInterfaces } from 'node:os';
import type { Client } from '@drover/client';
import { isLoopback } from '@drover/core';
import type { Call, Env } from '../call.ts';
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

/** What a command on another machine says of the head. */
export interface Elsewhere {
  readonly url: string;
  /** The authority to trust, as a flag. */
  readonly caFlag: string;
  /** Why it is of no use on another machine; null: it is. */
  readonly note: string | null;
}

export async function headFor(call: Call, client: Client): Promise<Elsewhere> {
  const { tls } = await client.head.get();
  const ca = client.url.startsWith('https:') ? (tls?.ca ?? null) : null;
  const url = urlElsewhere(call.env, client.url);
  const note = isLoopback(new URL(url).hostname)
    ? `only this machine reaches the head at ${url}; others reach one of "drover up --host 0.0.0.0", or of "drover head --host ADDRESS --tls"`
    : null;
  return { url, caFlag: ca === null ? '' : ` --ca ${ca}`, note };
}
