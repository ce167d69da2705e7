/**
 * Reads blocks of ClickHouse's Native format as fact-block.ts writes them: columns become functions from a row to its value. Throws when the bytes end early or hold a
 * type that no fact has.
 */
export type Cell = (row: number) => number | string;
export interface NativeList { ends: (row: number) => number; elements: Map<string, Cell> }
export interface NativeBlock { rows: number; values: Map<string, Cell>; lists: Map<string, NativeList> }

const integerReaders: Record<string, [width: number, read: (view: DataView, at: number) => number]> = {
  UInt8: [1, (view, at) => view.getUint8(at)],
  Int8: [1, (view, at) => view.getInt8(at)],
  UInt16: [2, (view, at) => view.getUint16(at, true)],
  Int16: [2, (view, at) => view.getInt16(at, true)],
  UInt32: [4, (view, at) => view.getUint32(at, true)],
  Int32: [4, (view, at) => view.getInt32(at, true)],
  Int64: [8, (view, at) => view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)],
};
const LIST = /^Array\(Tuple\((.*)\)\)$/;
const NAME = 'LowCardinality(String)';

export class NativeReader {
  at = 0;
  private readonly view: DataView;
  private readonly text: Buffer;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get ended(): boolean {
    return this.at >= this.bytes.length;
  }
  /** The next block; undefined after the last. */
  block(): NativeBlock | undefined {
    if (this.ended) return undefined;
    const columns = this.varint(), rows = this.varint();
    const block: NativeBlock = { rows, values: new Map(), lists: new Map() };
    for (let i = 0; i < columns; i++) {
      const name = this.string(), type = this.string();
      const list = LIST.exec(type);
      if (list) block.lists.set(name, this.list(list[1]!, rows));
      else {
        if (type === NAME) this.at += 8;
        block.values.set(name, this.column(type, rows));
      }
    }
    return block;
  }

  private list(elementTypes: string, rows: number): NativeList {
    const elements = elementTypes.split(', ').map((element) => element.split(' ') as [name: string, type: string]);
    for (const [, type] of elements) if (type === NAME) this.at += 8;
    const ends = this.integers('Int64', rows), total = rows === 0 ? 0 : ends(rows - 1);
    return { ends, elements: new Map(elements.map(([name, type]) => [name, this.column(type, total)])) };
  }
  private column(type: string, count: number): Cell {
    if (type === 'String') return this.strings(count);
    if (type === NAME) return this.names(count);
    return this.integers(type.startsWith('DateTime64') ? 'Int64' : type, count);
  }
  private integers(type: string, count: number): (row: number) => number {
    const reader = integerReaders[type];
    if (!reader) throw new Error(`a fact has no column of type ${type}`);
    const [width, read] = reader, { view, at } = this;
    this.skip(width * count);
    return (row) => read(view, at + row * width);
  }
  /** Finds the texts; decodes those that are asked for. */
  private strings(count: number): (row: number) => string {
    const starts = new Uint32Array(count), lengths = new Uint32Array(count), { text, bytes } = this;
    for (let i = 0; i < count; i++) {
      const short = bytes[this.at]!;
      if (short < 128) this.at++;
      lengths[i] = short < 128 ? short : this.varint();
      starts[i] = this.at;
      this.at += lengths[i]!;
    }
    this.skip(0); // throws when the last of them ends after the bytes
    return (row) => (lengths[row] === 0 ? '' : text.toString('utf8', starts[row], starts[row]! + lengths[row]!));
  }
  private names(count: number): (row: number) => string {
    if (count === 0) return () => '';
    const width = this.uint64() & 0xff, dictionary = this.strings(this.uint64()), texts: (string | undefined)[] = [];
    const index = this.integers(['UInt8', 'UInt16', 'UInt32'][width]!, this.uint64());
    return (row) => texts[index(row)] ??= dictionary(index(row));
  }
  private varint(): number {
    let value = 0, factor = 1;
    for (;;) {
      this.skip(1);
      const byte = this.bytes[this.at - 1]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }
  private string(): string {
    const length = this.varint();
    this.skip(length);
    return this.text.toString('utf8', this.at - length, this.at);
  }
  private uint64(): number {
    this.skip(8);
    return this.view.getUint32(this.at - 8, true) + this.view.getUint32(this.at - 4, true) * 2 ** 32;
  }
  private skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) throw new Error(`a block of facts is cut off: ${this.bytes.length} bytes, needs ${this.at}`);
  }
}
