import { describe, expect, it } from 'vitest';
import { sshPath, sshWord } from './ssh-words.ts';

describe('what a head says of hosts, in an ssh configuration', () => {
  it('is written as it is', () => {
    for (const word of ['10.0.0.1', 'fe80::1', '[::1]', 'gpu-1.example.com', 'c1-worker1', 'root', 'a.b_c'])
      expect(sshWord('HostName', word)).toBe(word);
    expect(sshPath('IdentityFile', '/home/a/.ssh/id')).toBe('/home/a/.ssh/id');
    expect(sshPath('IdentityFile', '/home/a b/#1/id')).toBe('"/home/a b/#1/id"');
  });

  it.each([
    'h\n  ProxyCommand touch /tmp/x',
    'h\r  ProxyCommand x',
    'h ProxyCommand x',
    '-oProxyCommand=x',
    '*',
    '!h',
    '',
    'h\u0000',
    'h"',
    'h#',
    '$(id)',
    '`id`',
    'x'.repeat(300),
  ])('is refused as a word: %j', (text) => {
    expect(() => sshWord('HostName', text)).toThrow(/the head says HostName .* not written/);
  });

  it.each(['a\nProxyCommand x', 'a"\u0020ProxyCommand x', 'a\u0000', '', 'a\\'])(
    'is refused as a path: %j',
    (text) => {
      expect(() => sshPath('IdentityFile', text)).toThrow(/not written/);
    },
  );
});
