/** What peers write (job/Result.java), read back: balances by card, and the time that each record carries, which is when its transaction arrived. */
import { Unpackr } from 'msgpackr';
import { decompress } from '../../workers/records/decompress.js';
import { BATCH_HEADER_BYTES, RecordBatchReader } from '../../workers/records/record-batch.js';

const unpackr = new Unpackr({ useRecords: false });
const CODEC = 0x07;

export interface PeerResult { card: string; points: number; balance: number }

/** Balances, from the results of all partitions in their order. */
export class PeerResults {
  readonly balances = new Map<string, number>();
  records = 0;
  /** Results that do not follow from the one before. */
  gaps = 0;
  private readonly reader = new RecordBatchReader();

  add(batch: Uint8Array): void {
    this.reader.open(batch);
    while (this.reader.next()) {
      const { card, points, balance } = unpackr.unpack(this.reader.value) as PeerResult;
      if ((this.balances.get(card) ?? 0) + points !== balance) this.gaps++;
      this.balances.set(card, balance);
      this.records++;
    }
  }
}

/** Calls `each` with the time of each record of a batch. */
export function eachTime(batch: Uint8Array, each: (timestampMs: number) => void): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const firstMs = Number(view.getBigInt64(27)), bytes = decompress(view.getInt16(21) & CODEC, batch.subarray(BATCH_HEADER_BYTES));
  let at = 0;
  const varint = (): number => {
    let value = 0, unit = 1, byte;
    do {
      byte = bytes[at++]!;
      value += (byte & 0x7f) * unit;
      unit *= 128;
    } while (byte > 0x7f);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  for (let left = view.getInt32(57); left > 0; left--) {
    const length = varint(), end = at + length;
    at++; // attributes
    each(firstMs + varint());
    at = end;
  }
}
