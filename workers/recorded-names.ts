/**
 * Names of facts that say several things (schemas/fact-table.ts), in ordinals of reference data. A name is parted when it is met for the first time, whatever block it stands in: returns of a
 * batch look into many blocks, which say the same few things. Of one set of reference data; bounded by what rules, currencies and funders there are.
 */
import { PART_SEPARATOR } from '../schemas/fact-table.js';
import { behindLength, lengthAt, type NameCells } from './facts/cells.js';
import { PostingKind, postingKindNames } from './ledger/postings.js';
import type { Reference } from './reference.js';
import { ByteTable } from './reference/byte-table.js';

export interface RecordedAward { rule: number; currency: number }
/** Which balance it went to does not matter to who takes it back. */
export interface RecordedSide { isAccrual: boolean; currency: number; funder: number }

class PartedNames<T> {
  private readonly table = new ByteTable(64, 1 << 12);
  private readonly said: T[] = [];

  constructor(private readonly parse: (parts: string[]) => T) {}

  at(cells: NameCells, place: number): T {
    const { dictionary } = cells, { bytes } = dictionary, at = dictionary.lengthPlace(cells.numberAt(place));
    const start = behindLength(bytes, at), length = lengthAt(bytes, at), known = this.table.find(bytes, start, length);
    return known >= 0 ? this.said[known]! : this.enter(bytes, start, length);
  }
  private enter(bytes: Uint8Array, start: number, length: number): T {
    const parts = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('utf8').split(PART_SEPARATOR);
    return this.said[this.table.add(bytes, start, length)] = this.parse(parts);
  }
}

/** Those of one program: currencies of two may have the same id. */
export class RecordedNames {
  readonly awards: PartedNames<RecordedAward>;
  readonly sides: PartedNames<RecordedSide>;

  constructor(reference: Reference, program: number) {
    this.awards = new PartedNames(([rule, , currency]) => ({ rule: Number(rule), currency: reference.currencyOrdinal(currency!, program) }));
    this.sides = new PartedNames(([kind, , , currency, funder]) => (
      { isAccrual: kind === accrual, currency: reference.currencyOrdinal(currency!, program), funder: reference.funderOrdinal(funder!) }
    ));
  }
}

const accrual = postingKindNames[PostingKind.accrual];
