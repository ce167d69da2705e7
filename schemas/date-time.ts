/**
 * RFC 3339 date-times from bytes to milliseconds since 1970 UTC, without allocating. The one definition of which dates are taken: readers and
 * documents share it.
 *
 *   2017-01-31T23:59:59Z   2017-01-31t23:59:59.123456+02:00
 *
 * Refused: a date-time without offset, days that the month does not have, hour 24, leap seconds, years before 1970 (day numbers are never negative:
 * the first moment taken is one day after 1970 began, so that it holds in every zone). Fractions of a second are cut to milliseconds, at most nine
 * digits.
 */
const MINUS = 0x2d, PLUS = 0x2b, COLON = 0x3a, DOT = 0x2e, UPPER_T = 0x54, LOWER_T = 0x74, UPPER_Z = 0x5a, LOWER_Z = 0x7a;
const DAY_MS = 86_400_000;
export const DATE_TIME_MS_MIN = DAY_MS;
/** The last millisecond of the year 9999. */
export const DATE_TIME_MS_MAX = 253_402_300_799_999;
/** Longest text taken: nine decimals and an offset. */
export const DATE_TIME_BYTES_MAX = 35;

/** Two decimal digits, or a number that is no valid part of a date when they are none. */
function two(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 48, ones = bytes[at + 1]! - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1000;
}

/** Days from 1970-01-01 to a date of the Gregorian calendar (Howard Hinnant, chrono-compatible low-level date algorithms, days_from_civil). */
function dayNumber(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = (y / 400) | 0, yearOfEra = y - era * 400;
  const dayOfYear = (((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) | 0) + day - 1;
  return era * 146_097 + yearOfEra * 365 + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0) + dayOfYear - 719_468;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Milliseconds of the date-time in bytes[start] … bytes[start + length - 1], or NaN when it is not one. Years from 1970 to 9999. */
export function dateTimeMs(bytes: Uint8Array, start: number, length: number): number {
  if (length < 20 || length > DATE_TIME_BYTES_MAX) return NaN;
  if (bytes[start + 4] !== MINUS || bytes[start + 7] !== MINUS || bytes[start + 13] !== COLON || bytes[start + 16] !== COLON) return NaN;
  const between = bytes[start + 10];
  if (between !== UPPER_T && between !== LOWER_T) return NaN;
  const year = two(bytes, start) * 100 + two(bytes, start + 2), month = two(bytes, start + 5), day = two(bytes, start + 8);
  const hour = two(bytes, start + 11), minute = two(bytes, start + 14), second = two(bytes, start + 17);
  if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 28 && day > daysInMonth(year, month)) return NaN;
  if (hour > 23 || minute > 59 || second > 59) return NaN;

  const end = start + length;
  let at = start + 19, ms = 0;
  if (bytes[at] === DOT) {
    let scale = 100;
    const first = ++at;
    for (; at < end; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) break;
      ms += digit * scale;
      scale = scale === 100 ? 10 : scale === 10 ? 1 : 0;
    }
    if (at === first || at - first > 9) return NaN;
  }
  const utc = dayNumber(year, month, day) * DAY_MS + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms;
  const sign = bytes[at];
  if (sign === UPPER_Z || sign === LOWER_Z) return at + 1 === end && utc >= DATE_TIME_MS_MIN ? utc : NaN;
  if (sign !== PLUS && sign !== MINUS || at + 6 !== end || bytes[at + 3] !== COLON) return NaN;
  const offsetHour = two(bytes, at + 1), offsetMinute = two(bytes, at + 4);
  if (offsetHour > 23 || offsetMinute > 59) return NaN;
  const offsetMs = (offsetHour * 60 + offsetMinute) * 60_000;
  const moment = sign === PLUS ? utc - offsetMs : utc + offsetMs;
  return moment >= DATE_TIME_MS_MIN && moment <= DATE_TIME_MS_MAX ? moment : NaN;
}
