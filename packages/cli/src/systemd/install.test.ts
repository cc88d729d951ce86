import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Call } from '../call.ts';
import { makeCommand, type Run } from '../grammar/build.ts';
import { headCommand, workerCommands } from '../grammar/workers.ts';

let dir: string;
let out: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-units-'));
  out = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a line of words as the program would; `dir` is where units go. */
async function drover(words: readonly string[], env: Record<string, string> = {}): Promise<number> {
  let code = -1;
  const run: Run = async (command, load) => {
    const terminal = { out: (line: string) => void out.push(line), say: () => undefined, outIsTty: false };
    const call = { command, args: command.args, argv: words, env: { HOME: dir, ...env }, terminal };
    code = await (await load())(call as unknown as Call);
  };
  const program = makeCommand('drover', '').enablePositionalOptions().addCommand(headCommand(run));
  for (const command of workerCommands(run)) program.addCommand(command);
  await program.parseAsync([...words], { from: 'user' });
  return code;
}

const install = (noun: 'head' | 'worker', options: readonly string[], flags: readonly string[] = []) => [
  noun,
  'install',
  '--dir',
  dir,
  ...options,
  '--',
  ...flags,
];
const unit = (noun: 'head' | 'worker'): string => readFileSync(join(dir, `drover-${noun}.service`), 'utf8');
const HEAD_URL = ['--head', 'http://10.0.0.1:3768'];

describe('drover head install', () => {
  it('writes a unit with the flags as they were given', async () => {
    expect(await drover(install('head', [], ['--port', '4000', '--state', '/srv/my state']))).toBe(0);
    const text = unit('head');
    expect(text).toMatch(/^ExecStart=\/\S+ .* head --port 4000 --state "\/srv\/my state"$/m);
    expect(text).toMatch(/^ReadWritePaths="\/srv\/my state\/?"$/m);
    expect(text).not.toContain('StateDirectory');
    for (const line of [
      'KillMode=process',
      'Restart=always',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'PrivateTmp=yes',
      'UMask=0077',
      'LimitNOFILE=65536',
      'WantedBy=multi-user.target',
    ])
      expect(text.split('\n')).toContain(line);
    expect(out.join('\n')).toContain('systemctl daemon-reload\n  systemctl enable --now drover-head');
  });

  it('lets systemd make the state folder where no flag names one', async () => {
    await drover(install('head', []));
    expect(unit('head')).toContain('Environment=DROVER_STATE=/var/lib/drover\nStateDirectory=drover\n');
    expect(unit('head')).not.toContain('ReadWritePaths');
  });

  it('writes a unit of a user without what its manager cannot do', async () => {
    await drover(install('head', ['--user']));
    const text = unit('head');
    expect(text).toContain(`Environment=DROVER_STATE=${dir}/.local/state/drover\n`);
    expect(text).toContain('WantedBy=default.target');
    expect(text).not.toMatch(/ProtectSystem|PrivateTmp|StateDirectory|network-online/);
    expect(out.join('\n')).toContain('systemctl --user daemon-reload');
  });

  it('keeps a password out of the unit and in a file of its owner', async () => {
    const store = 'postgres://drover:hunter2@db/drover';
    await expect(drover(install('head', [], ['--store', store]))).rejects.toThrow('--store with a password');
    const hidden = 'postgres://db/drover?password=hunter2';
    await expect(drover(install('head', [], ['--store', hidden]))).rejects.toThrow('--store with a password');
    await drover(install('head', ['--save-env']), { DROVER_STORE: store });
    expect(unit('head')).not.toContain('hunter2');
    expect(unit('head')).toContain(`EnvironmentFile=-${dir}/drover-head.env\n`);
    const file = join(dir, 'drover-head.env');
    expect(readFileSync(file, 'utf8')).toBe(`DROVER_STORE="${store}"\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

describe('drover worker install', () => {
  it('stops only the worker itself, and puts nothing around what it starts', async () => {
    await drover(install('worker', ['--run-as', 'drover'], [...HEAD_URL, '--gpus', '2xA100:80GB']));
    const text = unit('worker');
    expect(text).toMatch(/^ExecStart=.* worker --head http:\/\/10\.0\.0\.1:3768 --gpus 2xA100:80GB$/m);
    for (const line of [
      'KillMode=process',
      'Restart=always',
      'Delegate=yes',
      'OOMPolicy=continue',
      'User=drover',
    ])
      expect(text.split('\n')).toContain(line);
    expect(text).not.toMatch(/^(NoNewPrivileges|Protect\w+|PrivateTmp|UMask|LimitNOFILE)=/m);
  });

  it.each([
    ['--join-token', 'drj_secret_secret_secret_secret', 'join once by hand'],
    ['--token', 'drv_secret_secret_secret_secret', 'DROVER_TOKEN'],
    ['--head', 'http://drv_secret@10.0.0.1:3768', 'DROVER_TOKEN'],
  ])('does not take %s with a secret, which all could read', async (flag, value, advice) => {
    const error = await drover(install('worker', [], [...HEAD_URL, flag, value])).catch((thrown) => thrown);
    expect(`${error.message} ${error.hint}`).toContain(advice);
    expect(`${error.message} ${error.hint}`).not.toContain('secret');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('keeps a join token of the shell in a file of its owner', async () => {
    await drover(install('worker', ['--save-env'], HEAD_URL), { DROVER_JOIN_TOKEN: 'drj_secret' });
    expect(unit('worker')).not.toContain('drj_secret');
    expect(readFileSync(join(dir, 'drover-worker.env'), 'utf8')).toBe('DROVER_JOIN_TOKEN="drj_secret"\n');
    await expect(drover(install('worker', ['--save-env', '--force'], HEAD_URL))).rejects.toThrow(
      'set DROVER_JOIN_TOKEN or DROVER_TOKEN first',
    );
  });
});

describe('both', () => {
  it('only show the unit with --print', async () => {
    await drover(install('head', ['--print']));
    expect(out.join('\n')).toContain('[Service]');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('overwrite another text only with --force, and the same text always', async () => {
    await drover(install('head', []));
    await drover(install('head', []));
    writeFileSync(join(dir, 'drover-head.service'), 'mine');
    await expect(drover(install('head', []))).rejects.toThrow('is there already');
    expect(unit('head')).toBe('mine');
    await drover(install('head', ['--force']));
    expect(unit('head')).toContain('[Service]');
    expect(readdirSync(dir)).toEqual(['drover-head.service']);
  });

  it.each([
    ['a flag that there is not', ['--prot', '4000'], "'--prot' is no flag"],
    ['a value that the flag does not take', ['--port', 'x'], '--port'],
    ['a flag without its value', ['--port'], 'argument missing'],
    ['a word that is no flag', ['status'], "'status' is no flag"],
    ['a path that depends on the folder', ['--state', 'here'], 'give the whole path'],
    ['a line break', ['--state', '/a\nExecStartPre=/bin/evil'], 'line break'],
    ['a head that others reach without TLS', ['--host', '10.0.0.1'], 'there is no TLS'],
    ['a certificate without its key', ['--tls-cert', '/nowhere.pem'], 'belong together'],
    ['a file that is not there', ['--ssh-pools', '/nowhere.yaml'], 'there is no file'],
    ['a password in an address', ['--advertise-url', 'http://u:p@h'], 'without a user name'],
    ['a level that there is not', ['--log-level', 'loud'], 'expected one of'],
    ['times that do not fit', ['--ping', '10s', '--suspect-after', '5s'], 'longer than --ping'],
  ])('refuse %s', async (_, flags, message) => {
    await expect(drover(install('head', [], flags))).rejects.toThrow(message);
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each([
    ['an address that is none', ['--head', 'ftp://x'], 'http or https'],
    ['a token in an address without a scheme', ['--head', 'u:drv_abc@h:1'], '--head with a token'],
    ['a level that there is not', [...HEAD_URL, '--log-level', 'loud'], 'expected one of'],
  ])('refuse a worker with %s', async (_, flags, message) => {
    await expect(drover(install('worker', [], flags))).rejects.toThrow(message);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('refuse flags before the verb, which would be lost', async () => {
    await expect(drover(['head', '--port', '4000', 'install', '--dir', dir])).rejects.toThrow(
      '--port stands before install',
    );
  });

  it('refuse a worker that does not know where its head is', async () => {
    await expect(drover(install('worker', []))).rejects.toThrow('say where the head is');
  });
});
