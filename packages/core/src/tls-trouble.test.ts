import { expect, it } from 'vitest';
import { tlsTrouble } from './tls-trouble.ts';

it.each([
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'IP: 10.0.0.1 is not in the list', 'untrusted', /10\.0\.0\.1.*--tls-name/],
  ['CERT_HAS_EXPIRED', 'certificate has expired', 'untrusted', /clocks/],
  ['CERT_NOT_YET_VALID', 'certificate is not yet valid', 'untrusted', /clocks/],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate', 'untrusted', /--ca or DROVER_CA/],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate', 'untrusted', /--ca or DROVER_CA/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify', 'untrusted', /--ca or DROVER_CA/],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unable to get', 'untrusted', /--ca or DROVER_CA/],
  ['CERT_SIGNATURE_FAILURE', 'certificate signature failure', 'untrusted', /--ca or DROVER_CA/],
  ['EPROTO', 'write EPROTO 00:error:0A00010B:SSL routines::wrong version number:', 'scheme', /http:\/\//],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number', 'scheme', /http:\/\//],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'packet length too long', 'scheme', /http:\/\//],
])('%s says what to do', (code, message, kind, rule) => {
  expect(tlsTrouble(code, message)).toEqual({ kind, rule: expect.stringMatching(rule) });
});

it.each([
  ['ECONNREFUSED', 'connect ECONNREFUSED'],
  ['ECONNRESET', 'socket hang up'],
  ['EPROTO', 'write EPROTO handshake failure'],
  ['', ''],
])('%s is another matter', (code, message) => {
  expect(tlsTrouble(code, message)).toBeNull();
});
