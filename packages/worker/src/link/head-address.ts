/** Where the head is and whom it is believed to be: one value for the join, the control link, log streams and files. */
import http from 'node:http';
import https from 'node:https';
import { pemOfCa, tlsTrouble } from '@drover/core';

/** One head. */
export interface HeadAddress {
  /** Base URL, http or https. */
  readonly url: string;
  /** The only authority that may have signed its certificate, see `parseCa`; null: those of this system. */
  readonly ca: string | null;
}

/** What every call to the head shows. It is renewed while the worker runs: looked at anew for each. */
export interface Secret {
  readonly token: string;
}

/** The URL of a path of the head, which begins with a slash. */
export const urlAt = ({ url }: HeadAddress, path: string): string =>
  `${url.replace(/(?<!\/)\/+$/, '')}${path}`;

/** What TLS is told about the head. It is verified whatever the environment of this process says. */
export function trustOf({ url, ca }: HeadAddress): { rejectUnauthorized?: true; ca?: string } {
  if (!url.startsWith('https:')) return {};
  return { rejectUnauthorized: true, ...(ca !== null && { ca: pemOfCa(ca) }) };
}

/** How requests to the head are made, on connections of an agent of its own. */
export function requesterOf(
  head: HeadAddress,
  options: http.AgentOptions,
): { readonly request: typeof http.request; readonly agent: http.Agent } {
  if (!head.url.startsWith('https:')) return { request: http.request, agent: new http.Agent(options) };
  return { request: https.request, agent: new https.Agent({ ...options, ...trustOf(head) }) };
}

/** Why a call failed, with what to do where it is TLS. */
export function whyFailed(error: Error): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return tlsTrouble(code, message)?.rule ?? (message || code);
}

/** The head, or what answers in its place, cannot show who it is; or is called in the wrong scheme. */
export function isMistrust(error: unknown): boolean {
  const { code = '', message = '' } = error as NodeJS.ErrnoException;
  return tlsTrouble(code, message) !== null;
}
