/** What went wrong before a connection by TLS stood, in words that say what to do. The codes are those of Node and OpenSSL. */

/** `untrusted`: the peer is not who it should be. `scheme`: one end speaks TLS and the other does not. */
export interface TlsTrouble {
  readonly kind: 'untrusted' | 'scheme';
  readonly rule: string;
}

const TIME = /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/;
const AUTHORITY =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)/;
/** The answer to a greeting of TLS was none of TLS. */
const NO_TLS = /wrong version number|packet length too long|http request/i;

/** @param message the error's own text: it names the names that did not match. @returns null when it is something else */
export function tlsTrouble(code: string, message: string): TlsTrouble | null {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      kind: 'untrusted',
      rule: `its certificate is for other names (${message}): call it by one of those, or start the head with --tls-name NAME`,
    };
  if (TIME.test(code))
    return {
      kind: 'untrusted',
      rule: `its certificate is out of date (${code}): look at the clocks of both machines, then at the files of the head`,
    };
  if (AUTHORITY.test(code))
    return {
      kind: 'untrusted',
      rule: `its certificate is not signed by an authority that is trusted for it (${code}): pass the authority of that head with --ca or DROVER_CA; "drover join-token create" on its machine shows it`,
    };
  if ((code === 'EPROTO' || code.startsWith('ERR_SSL_')) && NO_TLS.test(`${code} ${message}`))
    return { kind: 'scheme', rule: 'it speaks no TLS on this port: say http:// instead of https://' };
  return null;
}
