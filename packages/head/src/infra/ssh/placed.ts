/** Which workers were put on which hosts: a file, so that a head that starts again finds them. */
import { existsSync, readFileSync } from 'node:fs';
import { writeWhole } from '../write-whole.ts';

/** One worker that was put on a host. */
export interface Placed {
  readonly tag: string;
  readonly host: string;
  /** The port of its tunnel; null: it calls this head at its address. */
  readonly port: number | null;
  readonly url: string;
}

export class PlacedFile {
  readonly #path: string;
  readonly #placed: Map<string, Placed>;

  constructor(path: string) {
    this.#path = path;
    const stored = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Placed[]) : [];
    this.#placed = new Map(stored.map((each) => [each.tag, each]));
  }

  get(tag: string): Placed | undefined {
    return this.#placed.get(tag);
  }

  all(): Placed[] {
    return [...this.#placed.values()];
  }

  byHost(): Map<string, Placed[]> {
    const groups = new Map<string, Placed[]>();
    for (const each of this.#placed.values()) groups.set(each.host, [...(groups.get(each.host) ?? []), each]);
    return groups;
  }

  put(placed: Placed): void {
    this.#placed.set(placed.tag, placed);
    this.#save();
  }

  delete(tag: string): void {
    if (this.#placed.delete(tag)) this.#save();
  }

  #save(): void {
    writeWhole(this.#path, `${JSON.stringify(this.all())}\n`);
  }
}
