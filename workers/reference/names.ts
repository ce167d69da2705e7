/**
 * Every text that rules compare or facts name again and again (categories, departments, brands; stores, channels, skus that rules mention) as a small number.
 *
 * One instance per shard, shared by all versions of reference data, so that compiled rules and product tables stay good when something else is
 * published. Ordinals differ between shards and restarts: they never leave the worker. Texts that only lines bring are bounded; past the bound they get
 * no ordinal (-1).
 */
import { ByteTable } from './byte-table.js';

export const NAMES_OF_LINES_MAX = 1 << 16;

export class Names {
  /** Text by ordinal; 0 is ''. */
  readonly texts: string[] = [''];
  readonly table = new ByteTable(1024);
  private readonly ordinals = new Map<string, number>();
  private ofLines = 0;

  constructor() {
    this.table.addText('');
  }
  /** The ordinal of a text of reference data. */
  ordinal(text: string): number {
    let ordinal = this.ordinals.get(text);
    if (ordinal !== undefined) return ordinal;
    ordinal = this.table.addText(text);
    if (ordinal === this.texts.length) this.texts.push(text);
    this.ordinals.set(text, ordinal);
    return ordinal;
  }
  /** The ordinal of a text of a transaction, 0 when it is empty, -1 when nothing knows it. */
  find(bytes: Uint8Array, start: number, length: number): number {
    return length === 0 ? 0 : this.table.find(bytes, start, length);
  }
  /** The same as `find`, but a text that nothing knows gets an ordinal while there is room. */
  intern(bytes: Uint8Array, start: number, length: number): number {
    const found = this.find(bytes, start, length);
    if (found >= 0 || this.ofLines === NAMES_OF_LINES_MAX) return found;
    this.ofLines++;
    this.texts.push(Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('utf8'));
    return this.table.add(bytes, start, length);
  }
}
