import { createHash } from 'node:crypto';
import type { Actor, Bearer } from '@drover/engine';
import { describe, expect, it } from 'vitest';
import { Approvals } from './approvals.ts';

const ACTOR: Actor = { kind: 'person', name: 'ana', project: 'default' };
const approvalOf = (user: string) => ({ actor: ACTOR, bearer: { user: { id: user } } as Bearer });
const challengeOf = (code: string): string => createHash('sha256').update(code).digest('base64url');

describe('a login that was approved', () => {
  it('is given once, to whoever has the code', () => {
    const approvals = new Approvals();
    approvals.approve(challengeOf('code'), approvalOf('1'));
    expect(approvals.take('another')).toBeNull();
    expect(approvals.take(challengeOf('code'))).toBeNull();
    expect(approvals.take('code')?.bearer.user.id).toBe('1');
    expect(approvals.take('code')).toBeNull();
  });

  it('is forgotten after five minutes', () => {
    let nowMs = 0;
    const approvals = new Approvals(() => nowMs);
    approvals.approve(challengeOf('early'), approvalOf('1'));
    approvals.approve(challengeOf('late'), approvalOf('1'));
    nowMs = 299_999;
    expect(approvals.take('early')).not.toBeNull();
    nowMs = 300_000;
    expect(approvals.take('late')).toBeNull();
  });

  it('is one of few: a user who approves without end keeps nobody else out', () => {
    let nowMs = 0;
    const approvals = new Approvals(() => nowMs);
    for (let at = 0; at < 20; at += 1) approvals.approve(challengeOf(`${at}`), approvalOf('1'));
    expect(() => approvals.approve(challengeOf('more'), approvalOf('1'))).toThrow(
      expect.objectContaining({ code: 'TOO_MANY_REQUESTS' }) as Error,
    );
    approvals.approve(challengeOf('other'), approvalOf('2'));
    nowMs = 300_000;
    approvals.approve(challengeOf('more'), approvalOf('1'));
    expect(approvals.take('more')).not.toBeNull();
  });
});
