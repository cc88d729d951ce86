import { expect, it } from 'vitest';
import { warningFor } from './beside-head.ts';

const worker = (hostname: string, place = 'pool/default', name: string | null = 'one') => ({
  ...{ id: '3f2a91c0-0000-4000-8000-000000000000', name, hostname, place },
  status: 'ONLINE' as const,
});

it('tells of workers that people use on the machine of the head', () => {
  const says =
    "on the head's machine: whoever runs something there may read the head's files unless it runs as another user";
  expect(warningFor([worker('head'), worker('other')], 'head')).toBe(`worker one runs ${says}`);
  expect(warningFor([worker('head', 'pool/lab', null)], 'head')).toBe(`worker 3f2a91c0 runs ${says}`);
  expect(warningFor([worker('head'), worker('head')], 'head')).toMatch(
    /^2 workers run .* unless they run as/,
  );
  expect(warningFor([worker('other'), worker('head', 'local')], 'head')).toBeNull();
});
