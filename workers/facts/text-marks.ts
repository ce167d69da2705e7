/**
 * Where texts stand in a block: of each column of texts and of each dictionary, in the block's order, the place of every 16th text, then the place behind the last one. Who writes the
 * block knows them; who reads it without them has to go from text to text, since nothing else tells where a column ends.
 */
export const MARK_EVERY = 16, MARK_SHIFT = 4;
const FIRST_MARKS = 1024;

export class TextMarks {
  places: Uint32Array;
  count = 0;

  constructor(places: Uint32Array = new Uint32Array(FIRST_MARKS)) {
    this.places = places;
  }
  clear(): void {
    this.count = 0;
  }
  add(place: number): void {
    if (this.count === this.places.length) {
      const places = new Uint32Array(2 * this.count);
      places.set(this.places);
      this.places = places;
    }
    this.places[this.count++] = place;
  }
  /** Good until the next `clear`. */
  written(): Uint32Array {
    return this.places.subarray(0, this.count);
  }
}

/** How many marks a column of so many texts has, that of its end apart. */
export const marksOf = (texts: number): number => Math.ceil(texts / MARK_EVERY);
