import { expect, it } from 'vitest';
import { commandOf } from './command-of.ts';

it('a command is kept without its secrets', () => {
  const argv = [
    'launch',
    '--secret',
    'KEY=hush',
    '--secret=OTHER=hush=hush',
    '--secret',
    'MINE',
    '--token',
    'hush',
  ];
  expect(commandOf({ argv: [...argv, '--token=hush', '--env', 'A=b', 'run.yaml'] })).toBe(
    'drover launch --secret KEY=*** --secret=OTHER=*** --secret MINE --token *** --token=*** --env A=b run.yaml',
  );
});
