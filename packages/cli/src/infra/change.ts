import type { InfraView } from '@drover/client';
import { confirm } from '../ask.ts';
import type { Call, ClientFlags } from '../call.ts';
import { connect } from '../connect.ts';
import { printJson } from '../output.ts';

/** `drover infra up INFRA`. */
export async function up(call: Call): Promise<number> {
  const client = await connect(call);
  const name = call.args[0] ?? '';
  say(call, await client.infra.up(name), `${name} is coming up; "drover machine list" shows its machines`);
  return 0;
}

/** `drover infra down INFRA`. */
export async function down(call: Call): Promise<number> {
  const client = await connect(call);
  const name = call.args[0] ?? '';
  const { yes } = call.command.opts<{ readonly yes?: boolean }>();
  if (!(await confirm(call, `End all machines of ${name}, and what runs there?`, yes))) return 1;
  say(call, await client.infra.down(name), `${name} is going down; "drover machine list" shows what is left`);
  return 0;
}

function say(call: Call, view: InfraView, text: string): void {
  if (call.command.opts<ClientFlags>().json) printJson(call, view);
  else {
    call.terminal.out(text);
    if (view.reason) call.terminal.say(view.reason.message);
  }
}
