/** The command as it was given, for a cluster's last use: without what nobody else may read. */
import type { Call } from '../call.ts';

const HIDDEN = ['--secret', '--token'];

export function commandOf({ argv }: Pick<Call, 'argv'>): string {
  const words = argv.map((word, at) => {
    const flag = HIDDEN.find((each) => word.startsWith(`${each}=`));
    if (flag !== undefined) return hidden(flag, word.slice(flag.length + 1), '=');
    const before = argv[at - 1] ?? '';
    return HIDDEN.includes(before) ? hidden(before, word, '') : word;
  });
  return `drover ${words.join(' ')}`;
}

/** Of a secret its name is no secret. */
function hidden(flag: string, value: string, start: string): string {
  const text = flag === '--secret' ? value.replace(/=.*/s, '=***') : '***';
  return start === '' ? text : `${flag}${start}${text}`;
}
