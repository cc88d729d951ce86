import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkTls } from './tls.ts';

const here = fileURLToPath(import.meta.url);
const pair = { tlsCert: here, tlsKey: here };

it.each([
  [{}, null],
  [{ tls: true }, { files: null }],
  [{ tls: true, tlsName: ['a'] }, { files: null }],
  [pair, { files: { cert: here, key: here, ca: null } }],
  [{ ...pair, tls: true, tlsCa: here, tlsName: ['a'] }, { files: { cert: here, key: here, ca: here } }],
  [{ ...pair, tls: false }, null],
])('%j is understood', (flags, tls) => {
  expect(checkTls(flags)).toEqual(tls);
});

it.each([
  [{ tlsCert: here }, /belong together/],
  [{ tlsKey: here, tls: true }, /belong together/],
  [{ tls: true, tlsCa: here }, /--tls-ca goes with/],
  [{ tlsName: ['a'] }, /add --tls/],
  [{ ...pair, tlsKey: '/nowhere' }, /no file \/nowhere/],
])('%j is refused', (flags, words) => {
  expect(() => checkTls(flags)).toThrow(words);
});
