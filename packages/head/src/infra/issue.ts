/** The first thing that is wrong in a file, in words. */
import type { z } from 'zod';

/** `lab.hosts: at least one`; the place is where the file says it. */
export function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  // What is wrong with a name stands one level deeper.
  const inner = issue?.code === 'invalid_key' ? issue.issues[0] : undefined;
  return `${issue?.path.join('.') || 'the file'}: ${inner?.message ?? issue?.message ?? 'is wrong'}`;
}
