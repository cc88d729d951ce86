/** The names under which providers know our machines. */

const PREFIX = 'drover';

/** Letters that every provider takes in a name or label: 52 characters, less than the 63 of the strictest. */
export const tagOf = (herd: string, machineId: string): string =>
  `${PREFIX}-${herdPart(herd)}-${machineId.replaceAll('-', '')}`;

const herdPart = (herd: string): string => herd.replaceAll('-', '').slice(0, 12);

/** The machine id in a tag of this herd; null for any other name, and for other herds' machines. */
export function machineOfTag(herd: string, tag: string): string | null {
  const match =
    /^drover-([0-9a-f]{12})-([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(tag);
  if (match?.[1] !== herdPart(herd)) return null;
  return match.slice(2).join('-');
}
