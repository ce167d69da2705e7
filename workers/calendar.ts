/**
 * Calendar arithmetic on day numbers (days since 1970-01-01) and compiled time zones; no Intl, no Date, nothing allocated. docs/calculation.md, Calendar.
 */
import type { ZoneTable } from '../schemas/reference.js';
import { Period } from './ledger/cells.js';

export const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000, WEEK_MINUTES = 7 * 1440;

/** Weeks start on Monday; 1970-01-01 was a Thursday. */
export const weekOfDay = (day: number): number => Math.floor((day + 3) / 7);

/** year × 12 + month - 1 (Howard Hinnant, chrono-compatible low-level date algorithms, civil_from_days). */
export function monthOfDay(day: number): number {
  const shifted = day + 719_468, era = Math.floor(shifted / 146_097), dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  // Months count from March there: 0 is March, 10 January of the next year.
  return (yearOfEra + era * 400) * 12 + monthFromMarch + 2;
}
export const yearOfDay = (day: number): number => Math.floor(monthOfDay(day) / 12);

/** The number of the period that a day falls into. */
export function periodOfDay(period: number, day: number): number {
  switch (period) {
    case Period.day: return day;
    case Period.week: return weekOfDay(day);
    case Period.month: return monthOfDay(day);
    case Period.year: return yearOfDay(day);
    default: return 0;
  }
}

/** A zone's offsets; remembers the stretch that the last question fell into. */
export class ZoneClock {
  private readonly transitionsMs: Float64Array;
  private readonly offsetsMs: Float64Array;
  private fromMs = Infinity;
  private toMs = -Infinity;
  private offset = 0;

  constructor(table: ZoneTable) {
    this.transitionsMs = Float64Array.from(table.transitionsMs);
    this.offsetsMs = Float64Array.from(table.offsetsMs);
  }
  /** Local time = UTC + this. */
  offsetMs(ms: number): number {
    if (ms >= this.fromMs && ms < this.toMs) return this.offset;
    const { transitionsMs } = this;
    let low = 0, high = transitionsMs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (transitionsMs[middle]! <= ms) low = middle;
      else high = middle - 1;
    }
    this.fromMs = low === 0 ? -Infinity : transitionsMs[low]!;
    this.toMs = low + 1 < transitionsMs.length ? transitionsMs[low + 1]! : Infinity;
    this.offset = this.offsetsMs[low]!;
    return this.offset;
  }
  day(ms: number): number {
    return Math.floor((ms + this.offsetMs(ms)) / DAY_MS);
  }
  /** Minutes since Monday 00:00. */
  minuteOfWeek(ms: number): number {
    const minute = (Math.floor((ms + this.offsetMs(ms)) / MINUTE_MS) + 3 * 1440) % WEEK_MINUTES;
    return minute < 0 ? minute + WEEK_MINUTES : minute;
  }
}
