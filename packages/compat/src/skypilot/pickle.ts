/**
 * Writes pickles of protocol 2, which every Python 3 reads. Only written: a pickle that is read can run anything, so
 * nothing here takes one in.
 */

/** A tuple: what an array is not. */
export class PyTuple {
  readonly items: readonly Picklable[];
  constructor(items: readonly Picklable[]) {
    this.items = items;
  }
}

/** An instance made without its constructor, with these attributes; null: none. */
export class PyObject {
  readonly module: string;
  readonly name: string;
  readonly state: Readonly<Record<string, Picklable>> | null;
  constructor(module: string, name: string, state: Readonly<Record<string, Picklable>> | null) {
    this.module = module;
    this.name = name;
    this.state = state;
  }
}

/** What a callable gives for these arguments: exceptions are made so. */
export class PyCall {
  readonly module: string;
  readonly name: string;
  readonly args: readonly Picklable[];
  constructor(module: string, name: string, args: readonly Picklable[]) {
    this.module = module;
    this.name = name;
    this.args = args;
  }
}

/** Whole numbers become int, others float; an array is a list and a plain object a dict with texts as keys. */
export type Picklable =
  | null
  | boolean
  | number
  | string
  | PyTuple
  | PyObject
  | PyCall
  | readonly Picklable[]
  | { readonly [key: string]: Picklable };

const byte = (char: string): number => char.charCodeAt(0);
const NEW_OBJECT = 0x81;
const PROTOCOL = [0x80, 2];

export function pickle(value: Picklable): Buffer {
  const parts: Buffer[] = [Buffer.from(PROTOCOL)];
  write(parts, value);
  parts.push(op('.'));
  return Buffer.concat(parts);
}

/** As it stands in the clients' JSON. */
export const pickleBase64 = (value: Picklable): string => pickle(value).toString('base64');

function write(parts: Buffer[], value: Picklable): void {
  if (value === null) parts.push(op('N'));
  else if (typeof value === 'boolean') parts.push(Buffer.from([value ? 0x88 : 0x89]));
  else if (typeof value === 'number') parts.push(numberOf(value));
  else if (typeof value === 'string') parts.push(textOf(value));
  else if (value instanceof PyTuple) sequence(parts, '(', value.items, 't');
  else if (value instanceof PyObject) {
    parts.push(global(value), Buffer.from([byte(')'), NEW_OBJECT]));
    if (value.state === null) return;
    dict(parts, value.state);
    parts.push(op('b'));
  } else if (value instanceof PyCall) {
    parts.push(global(value));
    sequence(parts, '(', value.args, 't');
    parts.push(op('R'));
  } else if (Array.isArray(value)) sequence(parts, '](', value, 'e');
  else dict(parts, value as Readonly<Record<string, Picklable>>);
}

const op = (text: string): Buffer => Buffer.from(text, 'latin1');
const global = ({ module, name }: { module: string; name: string }): Buffer => op(`c${module}\n${name}\n`);

function sequence(parts: Buffer[], begin: string, items: readonly Picklable[], end: string): void {
  parts.push(op(begin));
  for (const item of items) write(parts, item);
  parts.push(op(end));
}

function dict(parts: Buffer[], fields: Readonly<Record<string, Picklable>>): void {
  parts.push(op('}('));
  for (const [key, value] of Object.entries(fields)) {
    parts.push(textOf(key));
    write(parts, value);
  }
  parts.push(op('u'));
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  const head = Buffer.alloc(5);
  head[0] = byte('X');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function numberOf(value: number): Buffer {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    const float = Buffer.alloc(9);
    float[0] = byte('G');
    float.writeDoubleBE(value, 1);
    return float;
  }
  if (value === (value | 0)) {
    const short = Buffer.alloc(5);
    short[0] = byte('J');
    short.writeInt32LE(value, 1);
    return short;
  }
  const long = Buffer.alloc(10);
  long[0] = 0x8a;
  long[1] = 8;
  long.writeBigInt64LE(BigInt(value), 2);
  return long;
}
