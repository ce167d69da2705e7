/**
 * The transaction that is being evaluated: one instance per shard, refilled for every transaction of a batch. Nothing is allocated per transaction or per line:
 * texts are places in the record's bytes, numbers stand in typed arrays.
 *
 * Filled by the readers that are generated from schemas/transaction.ts; the fields below "resolved" are filled by decide from reference data.
 */
export const LINES_MAX = 1000;

/** Text fields by number: text[2 × field] is the start in `bytes`, text[2 × field + 1] the length in bytes (UTF-8); 0 length: absent. */
export const Text = {
  id: 0, partner: 1, program: 2, store: 3, terminal: 4, cashier: 5, channel: 6, card: 7, account: 8, currency: 9, mcc: 10, merchant: 11, originalId: 12,
} as const;
export const TEXT_FIELDS = 13;

export const Kind = { purchase: 0, return: 1 } as const;
export const LineKind = { product: 0, deposit: 1, discount: 2 } as const;

export class Transaction {
  /** The bytes that texts point into: the record, or the reader's scratch area for JSON texts with escapes. */
  bytes: Uint8Array = new Uint8Array(0);
  readonly text = new Int32Array(2 * TEXT_FIELDS);
  /** Position in the request that brought it, counted from 0 (for the answer). */
  index = 0;
  kind = 0;
  /** Milliseconds since 1970, UTC. */
  occurredAtMs = 0;
  /** Minor units of money; set also when only lines were given. */
  total = 0;

  lineCount = 0;
  /** Number of the line as given, else its position from 1. */
  readonly lineNumber = new Int32Array(LINES_MAX);
  readonly lineKind = new Uint8Array(LINES_MAX);
  readonly skuStart = new Int32Array(LINES_MAX);
  readonly skuLength = new Int32Array(LINES_MAX);
  /** Category given with the line itself (length 0: none). */
  readonly categoryStart = new Int32Array(LINES_MAX);
  readonly categoryLength = new Int32Array(LINES_MAX);
  /** Thousandths. */
  readonly quantity = new Float64Array(LINES_MAX);
  /** Minor units, for the whole line. */
  readonly amount = new Float64Array(LINES_MAX);
  readonly discount = new Float64Array(LINES_MAX);

  /** Rarely used parts, as decoded objects: undefined when absent. */
  tenders: { kind: string; amount: number; redemption?: string }[] | undefined = undefined;
  coupons: string[] | undefined = undefined;

  // ── resolved from reference data by decide ──
  /** Ordinals in the reference set; -1: unknown. */
  partnerOrdinal = -1;
  programOrdinal = -1;
  /** Product of each line: its place in the partner's table (workers/reference/product-table.ts), -1: unknown product. */
  readonly lineProduct = new Int32Array(LINES_MAX);
  /** Name ordinals (workers/reference/names.ts) of category, department and brand of each line, 0: none. */
  readonly lineCategory = new Int32Array(LINES_MAX);
  readonly lineDepartment = new Int32Array(LINES_MAX);
  readonly lineBrand = new Int32Array(LINES_MAX);

  /** The text of a field as a string; allocates, so for rare paths and tests. */
  string(field: number): string {
    const start = this.text[2 * field]!, length = this.text[2 * field + 1]!;
    return length === 0 ? '' : Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length).toString('utf8');
  }
  sku(line: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.skuStart[line]!, this.skuLength[line]!).toString('utf8');
  }
}
