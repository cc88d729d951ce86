import { expect, it } from 'vitest';
import { mountsIn } from './mountinfo.ts';

const TEXT = `22 27 0:21 / /proc rw,relatime - proc proc rw
30 27 8:1 /data /s/homes/a/my\\040data rw shared:1 - ext4 /dev/sda1 rw
31 27 8:1 / /s/homes/ab rw - ext4 /dev/sda1 rw
32 27 8:1 / /s/homes/a rw - ext4 /dev/sda1 rw
`;

it('names what is mounted in a folder, with its blanks, and nothing beside it', () => {
  expect(mountsIn(TEXT, '/s/homes/a')).toEqual(['/s/homes/a/my data', '/s/homes/a']);
  expect(mountsIn(TEXT, '/s/homes/b')).toEqual([]);
});
