import { describe, expect, it } from 'vitest';
import { infraOf, inOurPlaces, placeOf } from './places.ts';

const KNOWN = ['pool/default', 'pool/lab', 'local', 'ssh/lab', 'fake/demo'];
const choice = (infra: string | null, region: string | null = null) =>
  ({ mode: 'any_of', choices: [{ infra, region }] }) as unknown as Parameters<typeof inOurPlaces>[0];
const asked = (infra: string | null, dialect: 'now' | 'old' = 'now', region: string | null = null) =>
  inOurPlaces(choice(infra, region), KNOWN, dialect)?.choices[0];

describe('a place', () => {
  it('goes by the name of its pool, and each name leads back to one infra', () => {
    const places = KNOWN.map((infra) => placeOf(infra, KNOWN));
    expect(places).toEqual(['ssh/default', 'ssh/pool-lab', 'ssh/local', 'ssh/lab', 'ssh/fake-demo']);
    expect(places.map((place) => infraOf(place, KNOWN))).toEqual(KNOWN);
  });

  it('that is none stays as it was asked, for the error to name it', () => {
    expect(infraOf('ssh/nowhere', KNOWN)).toBe('ssh/nowhere');
    expect(asked('aws')).toMatchObject({ infra: 'aws' });
  });

  it('of the kind alone is any of ours', () => {
    expect(asked('ssh')).toMatchObject({ infra: null });
    expect(asked(null)).toMatchObject({ infra: null });
  });

  it('is asked for in the word that the older client has', () => {
    expect(asked('k8s', 'old')).toMatchObject({ infra: null });
    expect(asked('k8s', 'old', 'default')).toMatchObject({ infra: 'pool/default', region: null });
    expect(asked('k8s', 'now', 'default')).toMatchObject({ infra: 'k8s', region: 'default' });
  });
});
