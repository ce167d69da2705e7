/**
 * The transaction as rules look at it: what is worked out once and only when a rule asks for it (names of its texts, hour and weekday of its store, its categories).
 * One instance per set of rules, pointed at each transaction in turn. Remembers nothing from one transaction to the next.
 */
import type { Reference } from '../reference.js';
import type { Names } from '../reference/names.js';
import { LINES_MAX, Text, TEXT_FIELDS, type Transaction } from '../transaction.js';

export const weekdayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const lineKindNames = ['product', 'deposit', 'discount'] as const;
/** Where the bytes of a text lie: a field of the transaction, an ordinal of names, the sku or the category of a line. */
export const Place = { field: 0, name: 1, sku: 2, category: 3 } as const;

const UNKNOWN = -2, DAY_MINUTES = 1440;

export class Frame {
  t!: Transaction;
  /** Lines that were given, and those that count: a transaction without lines counts as one. */
  linesGiven = 0;
  lineCount = 0;
  /** Set by a condition that left the exact integers. */
  overflow = false;
  /** How many conditions did not hold because of that. */
  overflows = 0;

  private readonly names: Names;
  /** Counts transactions; a name is known when it has the stamp of this one. */
  private stamp = 0;
  private readonly textNames = new Int32Array(TEXT_FIELDS);
  private readonly textStamps = new Float64Array(TEXT_FIELDS);
  private readonly weekdayOrdinals: number[];
  private readonly lineKindOrdinals: number[];
  private readonly currencyOrdinals: number[];
  private storeZone = UNKNOWN;
  private storeMinute = UNKNOWN;
  private distinct = UNKNOWN;
  private readonly distinctSeen = new Int32Array(LINES_MAX);
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;
  private length = 0;

  constructor(readonly reference: Reference) {
    const names = (this.names = reference.nameTable);
    this.weekdayOrdinals = weekdayNames.map((name) => names.ordinal(name));
    this.lineKindOrdinals = lineKindNames.map((name) => names.ordinal(name));
    this.currencyOrdinals = reference.set.partners.map(({ document }) => names.ordinal(document.currency));
  }

  begin(t: Transaction): void {
    this.t = t;
    this.linesGiven = this.lineCount = t.lineCount;
    this.stamp++;
    this.storeZone = this.storeMinute = this.distinct = UNKNOWN;
    if (t.lineCount > 0) return;
    this.lineCount = 1;
    t.lineNumber[0] = 1;
    t.lineKind[0] = 0;
    t.amount[0] = t.total;
    t.quantity[0] = 1000;
    t.skuLength[0] = t.categoryLength[0] = 0;
    t.lineProduct[0] = -1;
    t.discount[0] = t.lineCategory[0] = t.lineDepartment[0] = t.lineBrand[0] = 0;
  }

  /** Ordinal of a text field; 0: absent, -1: a text that no rule and no product mentions. */
  textName(field: number): number {
    if (this.textStamps[field] === this.stamp) return this.textNames[field]!;
    const { t } = this;
    this.textStamps[field] = this.stamp;
    return (this.textNames[field] = this.names.find(t.bytes, t.text[2 * field]!, t.text[2 * field + 1]!));
  }
  currencyName(): number {
    return this.t.text[2 * Text.currency + 1]! > 0 ? this.textName(Text.currency) : this.currencyOrdinals[this.t.partnerOrdinal]!;
  }
  skuName(line: number): number {
    return this.names.find(this.t.bytes, this.t.skuStart[line]!, this.t.skuLength[line]!);
  }
  lineKindName(line: number): number {
    return this.lineKindOrdinals[this.t.lineKind[line]!]!;
  }

  /** The transaction was decided with the reference data of that version: its hour and weekday are those of the zone that its store had then. */
  decidedWith(version: number): void {
    this.storeZone = this.reference.storeZoneThen(this.t, version);
  }
  private zone(): number {
    return this.storeZone !== UNKNOWN ? this.storeZone : (this.storeZone = this.reference.storeZone(this.t));
  }
  /** Minutes since Monday 00:00 at the store. */
  minuteOfWeek(): number {
    return this.storeMinute !== UNKNOWN ? this.storeMinute : (this.storeMinute = this.reference.localMinuteOfWeek(this.zone(), this.t.occurredAtMs));
  }
  hour(): number {
    return Math.floor((this.minuteOfWeek() % DAY_MINUTES) / 60);
  }
  weekdayName(): number {
    return this.weekdayOrdinals[Math.floor(this.minuteOfWeek() / DAY_MINUTES)]!;
  }

  /** How many different categories the lines have. */
  categories(): number {
    return this.distinct !== UNKNOWN ? this.distinct : (this.distinct = this.countCategories());
  }
  private countCategories(): number {
    const { t, distinctSeen } = this;
    let count = 0;
    for (let i = 0; i < this.linesGiven; i++) {
      if (t.lineCategory[i] !== 0 && !this.seen(i, count)) distinctSeen[count++] = i;
    }
    return count;
  }
  private seen(line: number, count: number): boolean {
    const { t, distinctSeen } = this, category = t.lineCategory[line]!;
    for (let j = 0; j < count; j++) {
      const other = distinctSeen[j]!;
      if (t.lineCategory[other] !== category) continue;
      if (category > 0) return true;
      // Texts past the bound of names: compared as bytes.
      const start = t.categoryStart[other]!, length = t.categoryLength[other]!;
      if (length === t.categoryLength[line] && bytesEqual(t.bytes, start, t.bytes, t.categoryStart[line]!, length)) return true;
    }
    return false;
  }

  startsWith(place: number, which: number, text: Uint8Array): boolean {
    this.locate(place, which);
    return text.length <= this.length && bytesEqual(text, 0, this.bytes, this.start, text.length);
  }
  endsWith(place: number, which: number, text: Uint8Array): boolean {
    this.locate(place, which);
    return text.length <= this.length && bytesEqual(text, 0, this.bytes, this.start + this.length - text.length, text.length);
  }
  contains(place: number, which: number, text: Uint8Array): boolean {
    this.locate(place, which);
    for (let at = this.start, last = this.start + this.length - text.length; at <= last; at++) {
      if (bytesEqual(text, 0, this.bytes, at, text.length)) return true;
    }
    return false;
  }
  private locate(place: number, which: number): void {
    const { t } = this;
    if (place === Place.category && t.lineCategory[which] !== -1) [place, which] = [Place.name, t.lineCategory[which]!];
    this.bytes = place === Place.name ? this.names.table.bytes : t.bytes;
    switch (place) {
      case Place.field: this.at(t.text[2 * which]!, t.text[2 * which + 1]!); break;
      case Place.sku: this.at(t.skuStart[which]!, t.skuLength[which]!); break;
      case Place.category: this.at(t.categoryStart[which]!, t.categoryLength[which]!); break;
      default: this.at(this.names.table.start(which), this.names.table.length(which));
    }
  }
  private at(start: number, length: number): void {
    this.start = start;
    this.length = length;
  }
}

function bytesEqual(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}
