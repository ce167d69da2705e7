/**
 * Numbers of a table that is being filled, row by row: what is known together is written together, and a column is every `width`-th of them. Rows are added in one array that doubles when it is
 * full and keeps its size, so its bound is the largest batch.
 */
const FIRST_ROWS = 1024;

export class NumberRows {
  count = 0;
  values: Float64Array;

  constructor(readonly width: number) {
    this.values = new Float64Array(FIRST_ROWS * width);
  }
  clear(): void {
    this.count = 0;
  }
  /** Adds `count` rows, whose numbers the caller writes into `values`; returns the place of the first. */
  add(count: number): number {
    const { width } = this, first = (this.count * width) | 0, rows = (this.count + count) | 0;
    this.count = rows;
    if (rows * width > this.values.length) this.grow();
    return first;
  }
  private grow(): void {
    const values = new Float64Array(Math.max(2 * this.values.length, this.count * this.width));
    values.set(this.values);
    this.values = values;
  }
}
