import { describe, expect, it } from 'vitest';
import { makeAddressRule } from './addresses.ts';

const nothing = (): string[] => [];
const ruleFor = makeAddressRule([], nothing);

describe('the address of a URL that a user gives', () => {
  it.each([
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.254'],
    ...['169.254.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.7'],
    ...['192.88.99.1', '192.168.1.1', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1'],
    ...['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '168.63.129.16', '100.100.100.200'],
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:a00:1', '::127.0.0.1', '64:ff9b::7f00:1'],
    ...['64:ff9b:1::1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::', '2002:a00:1::1', '3fff::1'],
    ...['4000::1', '5f00::1', 'fc00::1', 'fd00:ec2::254', 'fd12::1', 'fe80::1', 'fec0::1', 'ff02::1'],
    ...['', 'localhost', '1.2.3', '0x7f.0.0.1'],
  ])('is none that is called: %s', (address) => {
    expect(ruleFor(address)).toMatch(/^it /);
  });

  it.each([
    ...['1.1.1.1', '8.8.8.8', '100.63.255.255', '100.128.0.1', '172.15.255.255', '172.32.0.1', '192.0.1.1'],
    ...['198.17.255.255', '198.20.0.1', '223.255.255.255', '2606:4700::1111', '2a00:1450::1', '2001:200::1'],
  ])('is called where it is of the public internet: %s', (address) => {
    expect(ruleFor(address)).toBeNull();
  });

  it('is called where the operator says so, and only there', () => {
    const opened = makeAddressRule(['10.1.0.0/16', 'fd12::/48', '127.0.0.2'], nothing);
    for (const address of ['10.1.255.1', 'fd12::7', '127.0.0.2', '8.8.8.8'])
      expect(opened(address)).toBeNull();
    for (const address of ['10.2.0.1', 'fd12:0:1::1', '127.0.0.1', '127.0.0.3', '::ffff:10.1.0.1'])
      expect(opened(address)).not.toBeNull();
  });

  it('is none of those that tell a machine its credentials, unless it is opened by itself', () => {
    const wide = makeAddressRule(['169.254.0.0/16', 'fd00::/8', '0.0.0.0/0', '::/0'], nothing);
    for (const address of ['169.254.169.254', 'fd00:ec2::254', '168.63.129.16'])
      expect(wide(address)).toBe('it tells secrets of this machine');
    for (const address of ['::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::'])
      expect(wide(address)).toBe('it is a translation of another address');
    expect(makeAddressRule(['169.254.169.254'], nothing)('169.254.169.254')).toBeNull();
    expect(makeAddressRule(['fd00:ec2::254/128'], nothing)('fd00:ec2::254')).toBeNull();
  });

  it('is none of this machine, however public', () => {
    const rule = makeAddressRule([], () => ['8.8.8.8']);
    expect([rule('8.8.8.8'), rule('8.8.4.4')]).toEqual(['it is this machine', null]);
  });
});
