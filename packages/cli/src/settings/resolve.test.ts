import { type Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { makeCommand } from '../grammar/build.ts';
import { duration, whole } from '../grammar/parse.ts';
import { resolveSettings } from './resolve.ts';

const FILE = '/c/config.toml';

function parse(
  argv: string[],
  env: Record<string, string>,
  values: Record<string, unknown>,
): Record<string, unknown> {
  let chosen: Command | undefined;
  const head = makeCommand('head', '')
    .option('--port <n>', '', whole(0, 65_535))
    .option('--token <token>')
    .option('--also-listen <n>', '', whole(0))
    .option('--trust-loopback')
    .addOption(new Option('--mode <m>').choices(['a', 'b']));
  head.action(() => {
    chosen = head;
  });
  const cancel = makeCommand('cancel', '').option('--grace <d>', '', duration);
  cancel.action(() => {
    chosen = cancel;
  });
  makeCommand('drover', '').addCommand(head).addCommand(cancel).parse(argv, { from: 'user' });
  if (chosen === undefined) throw new Error('no verb ran');
  resolveSettings(chosen, env, { path: FILE, values });
  return chosen.opts();
}

describe('settings', () => {
  it('come from the flag, then the environment, then the file', () => {
    const values = { head: { port: 3, also_listen: 9 } };
    expect(parse(['head', '--port', '1'], { DROVER_PORT: '2' }, values)).toEqual({ port: 1, alsoListen: 9 });
    expect(parse(['head'], { DROVER_PORT: '2' }, values)).toEqual({ port: 2, alsoListen: 9 });
    expect(parse(['head'], { DROVER_PORT: '' }, values)).toEqual({ port: 3, alsoListen: 9 });
  });

  it('bear the verb in their variable, but for the processes', () => {
    expect(parse(['cancel'], { DROVER_CANCEL_GRACE: '2s', DROVER_GRACE: '1s' }, {})).toEqual({ grace: 2000 });
    expect(parse(['head'], { DROVER_TRUST_LOOPBACK: 'yes' }, {})).toEqual({ trustLoopback: true });
    expect(parse(['head'], { DROVER_TRUST_LOOPBACK: '0' }, {})).toEqual({ trustLoopback: false });
  });

  it.each([
    [{ DROVER_PORT: 'x' }, {}, 'DROVER_PORT: Expected a whole number from 0 to 65535.'],
    [{ DROVER_TRUST_LOOPBACK: 'maybe' }, {}, 'DROVER_TRUST_LOOPBACK: expected true or false, not "maybe"'],
    [{ DROVER_MODE: 'c' }, {}, 'DROVER_MODE: expected one of a, b, not "c"'],
    [{}, { head: { prot: 1 } }, '/c/config.toml: [head] has an unknown key "prot"'],
    [{}, { head: { token: 'x' } }, '/c/config.toml: [head] has "token", which is not read from there'],
    [{}, { head: 3 }, '/c/config.toml: "head" must be a table, such as [head]'],
    [{}, { head: { port: 'x' } }, '/c/config.toml: head.port: Expected a whole number from 0 to 65535.'],
  ])('are refused where they stand: %j %j', (env, values, message) =>
    expect(() => parse(['head'], env as Record<string, string>, values)).toThrow(message),
  );
});
