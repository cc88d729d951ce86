import { describe, expect, it } from 'vitest';
import { requestIdOf } from './request-id.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const idFor = (header: string | string[] | undefined): string =>
  requestIdOf({ headers: { 'drover-request-id': header } });

describe('the id of a call', () => {
  it('is what its caller chose, when that is a UUID', () => {
    expect(idFor('0b9f8a52-6f0c-4a44-8f64-3d2f0c1a9b7e')).toBe('0b9f8a52-6f0c-4a44-8f64-3d2f0c1a9b7e');
  });

  it.each([
    ['nothing', undefined],
    ['no UUID', 'mine'],
    ['a UUID with more behind it', '0b9f8a52-6f0c-4a44-8f64-3d2f0c1a9b7e\n{"level":50}'],
    ['capital letters', '0B9F8A52-6F0C-4A44-8F64-3D2F0C1A9B7E'],
    ['several', ['0b9f8a52-6f0c-4a44-8f64-3d2f0c1a9b7e', '1b9f8a52-6f0c-4a44-8f64-3d2f0c1a9b7e']],
  ])('is a new one for %s', (_, header) => {
    const id = idFor(header);
    expect(id).toMatch(UUID);
    expect(idFor(header)).not.toBe(id);
  });
});
