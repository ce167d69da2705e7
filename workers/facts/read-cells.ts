/** Cells of a block that was read: they look into its bytes when they are asked. Those of a column that the block has not say 0 or ''. */
import { behindText, TextCells, type NameCells, type NumberCells } from './cells.js';
import { MARK_EVERY, MARK_SHIFT, type TextMarks } from './text-marks.js';

/** Integers of one width each. One class for all of them, so that code that asks for them meets few shapes. */
export class ReadIntegers implements NumberCells {
  /** `width`: in bytes; 0: there are none. */
  constructor(private readonly view: DataView, private readonly start: number, private readonly width: number, private readonly signed: boolean) {}

  at(place: number): number {
    const { view, width, signed } = this, at = this.start + place * width;
    switch (width) {
      case 0: return 0;
      case 1: return signed ? view.getInt8(at) : view.getUint8(at);
      case 2: return signed ? view.getInt16(at, true) : view.getUint16(at, true);
      case 4: return signed ? view.getInt32(at, true) : view.getUint32(at, true);
      default: return view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
    }
  }
}

export class ReadTexts extends TextCells {
  /** `marks`: of all texts of the block; those of these ones begin at `firstMark`. */
  constructor(readonly bytes: Uint8Array, private readonly marks: TextMarks, private readonly firstMark: number) {
    super();
  }
  lengthPlace(place: number): number {
    const { bytes } = this;
    let at = this.marks.places[this.firstMark + (place >> MARK_SHIFT)]!;
    for (let i = place & (MARK_EVERY - 1); i > 0; i--) at = behindText(bytes, at);
    return at;
  }
}

export class ReadNames implements NameCells {
  constructor(readonly dictionary: TextCells, private readonly numbers: NumberCells) {}

  numberAt(place: number): number {
    return this.numbers.at(place);
  }
}

class NoTexts extends TextCells {
  readonly bytes = new Uint8Array(1);

  lengthPlace(): number {
    return 0;
  }
}
export const noNumber: NumberCells = new ReadIntegers(new DataView(new ArrayBuffer(0)), 0, 0, false), noText: TextCells = new NoTexts(), noName: NameCells = new ReadNames(noText, noNumber);
