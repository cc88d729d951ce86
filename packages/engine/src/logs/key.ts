/** Where the log of an attempt is archived: named by ids alone, see docs/decisions/0001. */
export const logKey = (instance: string, attempt: number): string => `log/${instance}/${attempt}`;
