/** zod at the edge: the first thing that is wrong becomes an INVALID_REQUEST with field, rule and value. */
import { type DroverError, invalid } from '@drover/core';
import type { z } from 'zod';

/** What stands below such a field is said to nobody, not even to who sent it: errors are kept, and pasted. */
const SECRET = /secret|token|password|identity|credential/i;

/** The first issue of a failed parse. `data` is what was parsed, for showing the value. */
export function toInvalid(error: z.ZodError, data: unknown, part: string): DroverError {
  const issue = error.issues[0];
  if (!issue) return invalid(part, 'is not valid');
  if (issue.code === 'unrecognized_keys') {
    const field = [...issue.path, issue.keys[0] ?? ''].join('.');
    return invalid(field, 'is not a known field');
  }
  const field = issue.path.length > 0 ? issue.path.map(String).join('.') : part;
  const value = issue.path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    data,
  );
  if (value === undefined && issue.code === 'invalid_type') return invalid(field, 'is required');
  const isSecret = issue.path.some((key) => SECRET.test(String(key)));
  return invalid(field, issue.message, isSecret ? undefined : value);
}

/** Compiles a route's schema for Fastify. */
export const validatorCompiler =
  ({ schema, httpPart }: { schema: unknown; httpPart?: string | undefined }) =>
  (data: unknown): { value: unknown } | { error: Error } => {
    const parsed = parse(schema as z.ZodType, data ?? {});
    if (parsed === null)
      return { error: invalid(httpPart ?? 'body', 'has too many wrong values to name one') };
    return parsed.success
      ? { value: parsed.data }
      : { error: toInvalid(parsed.error, data, httpPart ?? 'body') };
  };

/** Null: zod hands on issues as arguments of one call, and these were more than a stack has room for. */
function parse(schema: z.ZodType, data: unknown): z.ZodSafeParseResult<unknown> | null {
  try {
    return schema.safeParse(data);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
