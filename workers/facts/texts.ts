/** Texts as Native has them: each behind its length. Adding one allocates nothing, unless the bytes have to grow. */
import { TextCells } from './cells.js';
import { writeVarint, type NativeWriter } from './native-writer.js';

const FIRST_TEXTS = 1024, FIRST_BYTES = 16 * FIRST_TEXTS;
/** Shorter texts are copied four bytes at a time: that is faster than a call. */
const COPY_BY_HAND_MAX = 48;
/** Of a length, and of what is copied beyond a text. */
const SPARE_BYTES = 12;

/** Bytes and a view of them, for whoever reads four at a time. The view is made again only when the bytes are others. */
export class ViewedBytes {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);

  look(bytes: Uint8Array): void {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

export class Texts extends TextCells {
  count = 0;
  readonly type = 'String';
  length = 0;
  view: DataView;

  constructor() {
    super(new Uint8Array(FIRST_BYTES), new Uint32Array(FIRST_TEXTS));
    this.view = new DataView(this.bytes.buffer);
  }
  clear(): void {
    this.count = this.length = 0;
  }
  push(source: ViewedBytes, start: number, length: number): void {
    if (this.length + length + SPARE_BYTES > this.bytes.length) this.grow(length + SPARE_BYTES);
    const { count } = this;
    if (count === this.starts.length) this.growStarts();
    this.count = count + 1;
    let at = this.length;
    this.starts[count] = at;
    if (length < 128) this.bytes[at++] = length;
    else at = writeVarint(this.bytes, at, length);
    this.length = at + length;
    if (length > 0) this.copy(source, start, length, at);
  }
  private copy({ bytes, view }: ViewedBytes, start: number, length: number, at: number): void {
    const { bytes: own, view: ownView } = this;
    if (length > COPY_BY_HAND_MAX) own.set(bytes.subarray(start, start + length), at);
    else if (start + length + 3 <= bytes.length) for (let i = 0; i < length; i += 4) ownView.setInt32(at + i, view.getInt32(start + i, true), true);
    else for (let i = 0; i < length; i++) own[at + i] = bytes[start + i]!;
  }
  measure(): void { /* texts know */ }
  /** Nothing but empty texts: a byte for each. */
  get isDefault(): boolean {
    return this.length === this.count;
  }
  prefix(): void { /* texts have none */ }
  write(out: NativeWriter): void {
    out.raw(this.bytes, this.length);
  }
  private grow(least: number): void {
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.length + least));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
  private growStarts(): void {
    const starts = new Uint32Array(this.starts.length * 2);
    starts.set(this.starts);
    this.starts = starts;
  }
}
