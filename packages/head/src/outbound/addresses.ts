/**
 * Which addresses a URL of a user may lead to: those of the public internet, and what the operator allows besides. What
 * is no address of a host out there (private, this machine, a neighbour on the link, a translation of another address) is
 * reached by nobody but through this machine's place in its network, which is no user's to lend.
 *
 * Ranges: the registries of special-purpose addresses of IANA (RFC 6890 and its updates).
 */
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

type Family = 'ipv4' | 'ipv6';
const familyOf = (address: string): Family => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** A range, and what it is in an error. */
const SPECIAL: readonly (readonly [range: string, rule: string])[] = [
  ['0.0.0.0/8', 'it leads to no particular host'],
  ['10.0.0.0/8', 'it is in a private network'],
  ['100.64.0.0/10', 'it is in the network of a provider'],
  ['127.0.0.0/8', 'it is this machine'],
  ['169.254.0.0/16', 'it is on the link of this machine'],
  ['172.16.0.0/12', 'it is in a private network'],
  ['192.0.0.0/24', 'it is reserved'],
  ['192.0.2.0/24', 'it is reserved'],
  ['192.168.0.0/16', 'it is in a private network'],
  ['198.18.0.0/15', 'it is reserved'],
  ['198.51.100.0/24', 'it is reserved'],
  ['203.0.113.0/24', 'it is reserved'],
  ['224.0.0.0/4', 'it is a group of hosts'],
  ['240.0.0.0/4', 'it is reserved'],
  ['::/128', 'it leads to no particular host'],
  ['::1/128', 'it is this machine'],
  ['2001::/23', 'it is reserved'],
  ['2001:db8::/32', 'it is reserved'],
  ['3fff::/20', 'it is reserved'],
  ['fc00::/7', 'it is in a private network'],
  ['fe80::/10', 'it is on the link of this machine'],
  ['fec0::/10', 'it is in a private network'],
  ['ff00::/8', 'it is a group of hosts'],
];
/**
 * Forms in which an address of IPv4 stands in one of IPv6: mapped, compatible, NAT64, 6to4, and its relays. Open to nobody,
 * whatever the operator opens: what they lead to would be judged by another name.
 */
const TRANSLATED = [
  '::ffff:0:0/96',
  '::ffff:0:0:0/96',
  '::/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2002::/16',
  '192.88.99.0/24',
];
/** All that is given to hosts out there in IPv6; the rest is refused without a name. */
const GLOBAL_IPV6 = '2000::/3';

/** Where clouds tell a machine its own credentials. A network that holds one of them does not open it: only its own name does. */
const METADATA = [
  '169.254.169.254',
  '169.254.170.2', // tasks of ECS
  '169.254.170.23', // pods of EKS
  '100.100.100.200', // Alibaba
  '168.63.129.16', // Azure's host, at an address that looks public
  '192.0.0.192', // Oracle
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254', // Google
];

/** Addresses of each family for themselves: a list of Node takes `::ffff:10.0.0.1` for `10.0.0.1`, and here they differ. */
class Ranges {
  readonly #of = { ipv4: new BlockList(), ipv6: new BlockList() };

  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [network = '', bits] = range.split('/');
      const family = familyOf(network);
      this.#of[family].addSubnet(network, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family);
    }
  }

  has(address: string): boolean {
    const family = familyOf(address);
    return this.#of[family].check(address, family);
  }
}

const translated = new Ranges(TRANSLATED);
const special = SPECIAL.map(([range, rule]) => ({ ranges: new Ranges([range]), rule }));
const globalIpv6 = new Ranges([GLOBAL_IPV6]);
const metadata = new Ranges(METADATA);
const SINGLE = /^[^/]*$|^[^:]*\/32$|\/128$/;

/** Judges one address. @returns why nobody is called there, or null */
export type AddressRule = (address: string) => string | null;

/**
 * @param allowed networks that the operator opens: `10.1.0.0/16`, `fd12::/48`, or one address. @throws for what is none
 * @param own the addresses of this machine, asked anew each time: they come and go
 */
export function makeAddressRule(
  allowed: readonly string[],
  own: () => readonly string[] = addressesHere,
): AddressRule {
  const opened = new Ranges(allowed);
  const single = new Ranges(allowed.filter((range) => SINGLE.test(range)));
  return (address) => {
    if (isIP(address) === 0) return 'it is no address';
    if (!ENDS.has(address) && translated.has(address)) return 'it is a translation of another address';
    if (metadata.has(address)) return single.has(address) ? null : 'it tells secrets of this machine';
    if (opened.has(address)) return null;
    const found = special.find(({ ranges }) => ranges.has(address));
    if (found) return found.rule;
    if (isIP(address) === 6 && !globalIpv6.has(address)) return 'it is reserved';
    return own().includes(address) ? 'it is this machine' : null;
  };
}

/** In `::/96`, and no translations. */
const ENDS: ReadonlySet<string> = new Set(['::', '::1']);

const addressesHere = (): string[] =>
  Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
