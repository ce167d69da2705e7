/** Texts as Native has them: each behind its length. Adding one allocates nothing, unless the bytes have to grow. */
import { TextCells } from './cells.js';
import { lastWord } from '../text-words.js';
import { writeVarint, type NativeWriter } from './native-writer.js';
import { MARK_EVERY } from './text-marks.js';

const FIRST_TEXTS = 1024, FIRST_BYTES = 16 * FIRST_TEXTS;
/** Of a length, and of what is written beyond a text. */
const SPARE_BYTES = 12;

export class Texts extends TextCells {
  count = 0;
  readonly type = 'String';
  length = 0;
  bytes = new Uint8Array(FIRST_BYTES);
  view = new DataView(this.bytes.buffer);
  /** Where the length of each text begins. */
  private starts = new Uint32Array(FIRST_TEXTS);

  lengthPlace(place: number): number {
    return this.starts[place]!;
  }
  clear(): void {
    this.count = this.length = 0;
  }
  push(source: DataView, start: number, length: number): void {
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
  /** Four bytes at a time; what is too much is written over by what comes next. */
  private copy(source: DataView, start: number, length: number, at: number): void {
    const { view } = this, rest = length & 3, words = length - rest;
    for (let i = 0; i < words; i += 4) view.setInt32(at + i, source.getInt32(start + i, true), true);
    if (rest > 0) view.setInt32(at + words, lastWord(source, start + length, rest), true);
  }
  measure(): void { /* texts know */ }
  /** Nothing but empty texts: a byte for each. */
  get isDefault(): boolean {
    return this.length === this.count;
  }
  prefix(): void { /* texts have none */ }
  write(out: NativeWriter): void {
    const { length: at, marks } = out, { starts, count } = this;
    for (let i = 0; i < count; i += MARK_EVERY) marks.add(at + starts[i]!);
    marks.add(at + this.length);
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
