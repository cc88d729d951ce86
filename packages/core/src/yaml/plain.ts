import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { shorten } from '../drover-error.ts';
import type { RefuseYaml } from './read.ts';

/** Where a value begins in the text, and how it was written if it is a scalar. */
interface Mark {
  readonly offset: number;
  readonly source: string | null;
}

interface PlainYaml {
  readonly value: unknown;
  /** The mark of the value at the path; null when there is none. */
  readonly markAt: (path: Path) => Mark | null;
}

/** Marks by path, part by part: the text of long keys is not repeated for each value below them. */
interface MarkTree {
  mark: Mark | null;
  /** Null: nothing, as for most. */
  below: Map<string | number, MarkTree> | null;
}

interface PlainOptions {
  readonly refuse: RefuseYaml;
  /** How many values may still be made, over all documents. */
  readonly budget: { values: number };
  readonly maxDepth: number;
  /** Of a key, in characters. */
  readonly maxKey: number;
}

const CORE_TAGS = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/;
type Path = readonly (string | number)[];

/** The nodes of one document as plain values. Each alias is followed and counts as what it stands for. */
export function plainOf(
  root: ParsedNode | null,
  { refuse, budget, maxDepth, maxKey }: PlainOptions,
): PlainYaml {
  const marks: MarkTree = { mark: null, below: null };
  const anchors = new Map<string, Node>();
  /** Nodes that are being read: an alias to one of them would never end. */
  const open = new Set<Node>();

  const offsetOf = (node: Node | null): number | null => node?.range?.[0] ?? null;

  function mark(path: Path, found: Mark): void {
    let at = marks;
    for (const part of path) {
      at.below ??= new Map();
      let next = at.below.get(part);
      if (next === undefined) {
        next = { mark: null, below: null };
        at.below.set(part, next);
      }
      at = next;
    }
    at.mark = found;
  }

  function markAt(path: Path): Mark | null {
    let at: MarkTree | undefined = marks;
    for (const part of path) at = at?.below?.get(part);
    return at?.mark ?? null;
  }

  function resolve(node: Node): Node {
    if (!isAlias(node)) {
      const { anchor } = node as Scalar;
      if (anchor !== undefined) anchors.set(anchor, node);
      return node;
    }
    const target = anchors.get(node.source);
    if (target === undefined)
      return refuse(`no anchor &${shorten(node.source)} before this alias`, offsetOf(node));
    return open.has(target) ? refuse(`*${shorten(node.source)} holds itself`, offsetOf(node)) : target;
  }

  function read(given: Node | null, path: Path): unknown {
    if (given === null) return null;
    if (--budget.values < 0) refuse('too many values', offsetOf(given));
    if (path.length > maxDepth) refuse(`nested more than ${maxDepth} deep`, offsetOf(given));
    const node = resolve(given);
    const { tag } = node as Scalar;
    if (tag !== undefined && !CORE_TAGS.test(tag))
      refuse(`the tag ${shorten(tag)} is not taken`, offsetOf(node));
    const offset = offsetOf(given);
    if (offset !== null) mark(path, { offset, source: sourceOf(node) });
    if (isScalar(node)) return typeof node.value === 'bigint' ? Number(node.value) : (node.value ?? null);
    open.add(node);
    const value = isSeq(node)
      ? node.items.map((item, index) => read(item as Node | null, [...path, index]))
      : isMap(node)
        ? readMap(node, path)
        : refuse('a value of this kind is not taken', offset);
    open.delete(node);
    return value;
  }

  function readMap(map: YAMLMap, path: Path): Record<string, unknown> {
    // Keys are the user's: `__proto__` is one like any other.
    const own: Record<string, unknown> = Object.create(null);
    const merged: Record<string, unknown> = Object.create(null);
    for (const pair of map.items as Pair<Node | null, Node | null>[]) {
      const key = keyOf(pair.key, map);
      if (key === '<<' && !isQuoted(pair.key)) {
        // Of several merged mappings the first that has a key counts.
        for (const source of mergeSources(pair.value, path)) {
          for (const each of Object.keys(source))
            if (!Object.hasOwn(merged, each)) merged[each] = source[each];
        }
        continue;
      }
      if (Object.hasOwn(own, key))
        refuse(`the key ${JSON.stringify(shorten(key))} comes twice`, offsetOf(pair.key));
      own[key] = read(pair.value, [...path, key]);
      if (pair.value === null || !isScalar(resolve(pair.value))) markAtKey(pair.key, [...path, key]);
    }
    return Object.assign(Object.create(null), merged, own);
  }

  /** What has parts is looked for where it is named. */
  function markAtKey(key: Node | null, path: Path): void {
    const offset = offsetOf(key);
    if (offset !== null) mark(path, { offset, source: null });
  }

  function mergeSources(value: Node | null, path: Path): Record<string, unknown>[] {
    const node = value === null ? null : resolve(value);
    const nodes = isSeq(node) ? (node.items as Node[]) : [node];
    return nodes.map((each) => {
      const source = each === null ? null : resolve(each);
      if (!isMap(source)) return refuse('<< takes a mapping, or a list of them', offsetOf(value));
      return read(each, path) as Record<string, unknown>;
    });
  }

  function keyOf(key: Node | null, map: YAMLMap): string {
    if (key === null) return refuse('a key is missing', offsetOf(map));
    if (--budget.values < 0) refuse('too many values', offsetOf(key));
    const node = resolve(key);
    if (!isScalar(node)) return refuse('a key is a text', offsetOf(key));
    const text = sourceOf(node) ?? String(node.value);
    return text.length > maxKey ? refuse(`a key has at most ${maxKey} characters`, offsetOf(key)) : text;
  }

  return { value: read(root, []), markAt };
}

const isQuoted = (key: Node | null): boolean => isScalar(key) && key.type !== 'PLAIN';

/** A text by its value; any other scalar as it stands in the file. */
function sourceOf(node: Node): string | null {
  if (!isScalar(node)) return null;
  if (typeof node.value === 'string') return node.value;
  return node.source ?? (node.value === null ? null : String(node.value));
}
