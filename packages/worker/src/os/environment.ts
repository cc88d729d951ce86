/** The environment and the argument list of an instance. Pure but for its inputs. */
import type { StartOrder } from '@drover/core/wire';

type Environment = Record<string, string>;

const ALLOWED = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z_]+|TERM|TZ|TMPDIR)$/;
/** Of the worker's own shell; meaningless or wrong in an instance. */
const OWN = /^(DROVER_.*|PWD|OLDPWD|SHLVL|_)$/;

/** What every instance inherits of the worker: all but `DROVER_*`; with `clean` an allow-list. */
export function inheritedEnvironment(own: NodeJS.ProcessEnv, clean: boolean): Environment {
  const kept: Environment = {};
  for (const [key, value] of Object.entries(own)) {
    if (value !== undefined && !OWN.test(key) && (!clean || ALLOWED.test(key))) kept[key] = value;
  }
  return kept;
}

/**
 * The complete environment: inherited, then the user's, then what Drover says: first of its context, last of the attempt
 * itself, by which its processes are known. CUDA_VISIBLE_DEVICES is always set: the
 * allocated indices, else empty; only when no GPU was asked for the user's own value stays.
 */
export function instanceEnvironment(
  inherited: Environment,
  order: StartOrder,
  port: number,
  cwd: string,
  home: string | null = null,
): Environment {
  const env: Environment = { ...inherited, PWD: cwd, CUDA_VISIBLE_DEVICES: '', ...order.env };
  if (order.gpuIndices.length > 0) env.CUDA_VISIBLE_DEVICES = order.gpuIndices.join(',');
  for (const key of Object.keys(env)) if (key.startsWith('DROVER_')) delete env[key];
  if (home !== null) env.HOME = home;
  // That of the worker's own start says nothing here.
  if (order.traceparent != null && order.env.TRACEPARENT === undefined) env.TRACEPARENT = order.traceparent;
  Object.assign(env, order.context);
  env.PORT = String(port);
  env.DROVER_INSTANCE_ID = order.instance;
  if (order.name !== null) env.DROVER_INSTANCE_NAME = order.name;
  env.DROVER_ATTEMPT = String(order.attempt);
  return env;
}

/** Activates and runs: $0 is the folder, so its path needs no quoting. `exec` keeps it one process. */
const ACTIVATE = '. "$0/bin/activate" && exec "$@"';

/**
 * What the shim executes. A string goes to the shell; a list runs as it is, but that `$PORT` and `${PORT}` in an element
 * become the port (`$PORTAL` does not).
 */
export function argumentsOf(order: StartOrder, port: number, shell: string): string[] {
  const command =
    typeof order.command === 'string'
      ? [shell, '-c', order.command]
      : order.command.map((part) => part.replace(/\$PORT(?![A-Za-z0-9_])|\$\{PORT\}/g, String(port)));
  return order.venv === null ? command : [shell, '-c', ACTIVATE, order.venv, ...command];
}
