import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { nameCovers } from './certificate.ts';
import { certificateNames, ownHost, plainHost } from './names.ts';

const head = { host: '127.0.0.1', advertiseUrl: null, tlsNames: [] };

describe('the names of the head’s own certificate', () => {
  it('are this machine, the bound address, the advertised host and what was said, each once', () => {
    const names = certificateNames({
      host: '10.0.0.5',
      advertiseUrl: 'https://Head.Example:444/x',
      tlsNames: ['*.pool.example', 'FD00:0::1', 'localhost'],
    });
    expect(names.filter((name) => name !== hostname().toLowerCase())).toEqual([
      ...['localhost', '127.0.0.1', '::1', '10.0.0.5'],
      ...['head.example', '*.pool.example', 'fd00::1'],
    ]);
    expect(names).toContain(hostname().toLowerCase());
  });

  it('have every address of the machine in them when it listens on all, and never 0.0.0.0', () => {
    const names = certificateNames({ ...head, host: '0.0.0.0' });
    expect(names).not.toContain('0.0.0.0');
    expect(names).toEqual(expect.arrayContaining(certificateNames(head)));
  });

  it.each(['a b', 'a..b', '*', 'a.*.b', '-a', 'x'.repeat(64), 'ü'])('%j cannot be one', (name) => {
    expect(() => certificateNames({ ...head, tlsNames: [name] })).toThrow('--tls-name');
  });
});

it.each([
  ['without TLS it is where the head listens', '10.0.0.5', null, null, '10.0.0.5'],
  ['every address is this machine', '::', null, null, '127.0.0.1'],
  ['a certificate that bears it changes nothing', '10.0.0.5', 'https://b:1', ['b', '10.0.0.5'], '10.0.0.5'],
  ['else it is the advertised host', '10.0.0.5', 'https://b.x:1', ['a', '*.x'], 'b.x'],
  ['else the first name that is one', '10.0.0.5', 'https://b:1', ['*.x', 'a'], 'a'],
])('the head calls itself as its certificate allows: %s', (_, host, advertiseUrl, names, own) => {
  expect(ownHost({ host, advertiseUrl, tlsNames: [] }, names)).toBe(own);
});

it.each([
  ['a.example', 'a.example', true],
  ['*.example', 'a.example', true],
  ['*.example', 'a.b.example', false],
  ['*.example', 'example', false],
  ['*.0.0.1', '127.0.0.1', false],
  ['a.example', 'b.a.example', false],
])('%s for %s: %s', (pattern, host, covers) => {
  expect(nameCovers(pattern, host)).toBe(covers);
});

it('hosts are compared in one form', () => {
  expect(['HEAD.', '[::1]', '0:0:0:0:0:0:0:1', 'fe80::1%eth0'].map(plainHost)).toEqual([
    'head',
    '::1',
    '::1',
    'fe80::1',
  ]);
});
