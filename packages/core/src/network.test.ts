import { expect, it } from 'vitest';
import { isLoopback, networkOf } from './network.ts';

it.each([
  ['10.0.0.7', '10.0.0.7'],
  ['::ffff:10.0.0.7', '10.0.0.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:DB8:0001:2::9', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
  ['', ''],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it('loopback is what only programs of this machine reach', () => {
  const here = ['localhost', 'LOCALHOST', '127.0.0.1', '127.9.9.9', '::1', '[::1]'];
  const elsewhere = [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    'head',
    '127.0.0.1.example.org',
    'localhost.example.org',
    '127.1',
  ];
  expect(here.map(isLoopback)).toEqual(here.map(() => true));
  expect(elsewhere.map(isLoopback)).toEqual(elsewhere.map(() => false));
});
