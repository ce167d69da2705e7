/**
 * The check of a decoded document against its table of fields: everything that is wrong, each with its place, a stable reason and a hint.
 *
 * It recurses along the table, never along the value, so that deep or cyclic input costs nothing; it reports at most PROBLEMS_MAX problems, and never
 * throws because of a value. It doesn't look at two fields at once: that is said where documents are taken (checkTransaction, engine/reference.ts …).
 */
import { distance } from 'fastest-levenshtein';
import { dateTimeMs, DATE_TIME_MS_MAX, DATE_TIME_MS_MIN } from './date-time.js';
import { integerOf, isNumber, Moment, NumberText, thousandthsOf } from './decoded.js';
import type { Field, Fields, Pattern, RecordField } from './fields.js';
import { CARD_CHARACTERS_MAX, withoutPaymentCards } from './payment-card.js';
import { reasons, type Reason } from './reasons.js';

/** One thing that is wrong with a document. `pointer` is a JSON pointer (RFC 6901) from the document's root. */
export interface Problem { pointer: string; reason: Reason; detail: string; hint: string }

export const PROBLEMS_MAX = 50;
const SHOWN_CHARACTERS_MAX = 64;
/** Control characters (Unicode Cc) and lone surrogates (Cs; with the u flag paired ones don't match). */
const FORBIDDEN_CHARACTER = /[\p{Cc}\p{Cs}]/u;

export const problem = (pointer: string, reason: Reason, detail: string, hint?: string): Problem =>
  ({ pointer, reason, detail: withoutPaymentCards(detail), hint: withoutPaymentCards(hint ?? reasons[reason].hint) });

/** As much of a text as is shown. The number of a payment card is not, also none of which the cut would leave a part. */
const beginningOf = (value: string): string => withoutPaymentCards(value.slice(0, SHOWN_CHARACTERS_MAX + CARD_CHARACTERS_MAX)).slice(0, SHOWN_CHARACTERS_MAX);

/** A name as part of a pointer, bounded. */
export const pointerPart = (name: string): string => '/' + beginningOf(name).replaceAll('~', '~0').replaceAll('/', '~1');

/** A value as it is shown in a detail: short, on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(beginningOf(value) + (value.length > SHOWN_CHARACTERS_MAX ? '…' : ''));
  if (value instanceof NumberText) return beginningOf(value.source);
  if (isNumber(value) || typeof value === 'boolean') return String(value);
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  return Array.isArray(value) ? 'an array' : 'an object';
}

/** The name nearest to what was written, when it is near enough to be meant. */
export function nearestName(written: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined, least = Math.max(2, Math.floor(written.length / 3)) + 1;
  if (written.length > SHOWN_CHARACTERS_MAX) return undefined;
  for (const name of names) {
    const steps = distance(written.toLowerCase(), name.toLowerCase());
    if (steps < least) [nearest, least] = [name, steps];
  }
  return nearest;
}

/** Whether the machine's time-zone data know this IANA name. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Everything that is wrong with `value`; empty when it fits. */
export function validateDocument(schema: Field, value: unknown): Problem[] {
  const problems: Problem[] = [];
  check(schema, value, '', undefined, problems);
  return problems;
}

/** `parent` and `name` make the value's pointer, which is put together only where it is needed. */
function check(field: Field, value: unknown, parent: string, name: string | undefined, problems: Problem[]): void {
  if (problems.length >= PROBLEMS_MAX) return;
  const detail = wrong(field, value);
  const nested = field.type === 'record' || field.type === 'list';
  if (detail === undefined && !nested) return;
  const pointer = name === undefined ? parent : parent + pointerPart(name);
  if (detail !== undefined) problems.push(problem(pointer, 'invalid', detail));
  else if (field.type === 'record') checkRecord(field, value as Record<string, unknown>, pointer, problems);
  else if (field.type === 'list') (value as unknown[]).forEach((item, i) => check(field.item, item, pointer, String(i), problems));
}

function checkRecord({ fields }: RecordField, value: Record<string, unknown>, pointer: string, problems: Problem[]): void {
  for (const name of Object.keys(value)) {
    if (problems.length >= PROBLEMS_MAX) return;
    if (Object.hasOwn(fields, name)) check(fields[name]!, value[name], pointer, name, problems);
    else problems.push(unknownField(fields, name, pointer));
  }
  for (const name in fields) {
    if (fields[name]!.optional === true || Object.hasOwn(value, name) || problems.length >= PROBLEMS_MAX) continue;
    problems.push(problem(pointer + pointerPart(name), 'missing', `${shown(name)} is required`));
  }
}

function unknownField(fields: Fields, name: string, pointer: string): Problem {
  const names = Object.keys(fields), near = nearestName(name, names);
  const hint = near === undefined ? `known fields: ${names.join(', ')}` : `did you mean ${shown(near)}?`;
  return problem(pointer + pointerPart(name), 'unknown-field', `unknown field ${shown(name)}${near === undefined ? '' : ', ' + hint}`, hint);
}

/** What is wrong with the value by itself, without its children; undefined when nothing is. */
function wrong(field: Field, value: unknown): string | undefined {
  switch (field.type) {
    case 'text':
      return wrongText(value, field.bytesMax) ?? wrongPattern(value as string, field.pattern);
    case 'code': {
      const isInside = (character: string): boolean => character >= field.from && character <= field.to;
      return typeof value === 'string' && value.length === field.count && [...value].every(isInside) ? undefined : `must be ${field.count} characters ${field.from}-${field.to}, not ${shown(value)}`;
    }
    case 'choice':
      return field.values.includes(value as string) ? undefined : `must be one of ${field.values.map(shown).join(', ')}, not ${shown(value)}`;
    case 'integer':
      return wrongInteger(value, field.min, field.max);
    case 'thousandths': {
      if (!isNumber(value)) return `must be a number, not ${shown(value)}`;
      const exact = thousandthsOf(value);
      if (exact === undefined) return `must be a number below 9·10^12 with at most three decimals and no exponent, not ${shown(value)}`;
      return exact < 0 ? `must not be negative, not ${shown(value)}` : undefined;
    }
    case 'number': {
      const plain = value instanceof NumberText ? Number(value.source) : value;
      return typeof plain === 'number' && plain >= field.min && plain <= field.max ? undefined
        : `must be a number from ${field.min} to ${field.max}, not ${shown(value)}`;
    }
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `must be true or false, not ${shown(value)}`;
    case 'dateTime':
      return wrongDateTime(value);
    case 'timeZone':
      return typeof value === 'string' && isTimeZone(value) ? undefined : `must be a time zone like "Europe/Berlin", not ${shown(value)}`;
    case 'list':
      if (!Array.isArray(value)) return `must be an array, not ${shown(value)}`;
      if (value.length > field.itemsMax) return `must have at most ${field.itemsMax} items, not ${value.length}`;
      return value.length < field.itemsMin ? `must have at least ${field.itemsMin} item${field.itemsMin === 1 ? '' : 's'}` : undefined;
    case 'record':
      return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText) && !(value instanceof Moment)
        ? undefined : `must be an object, not ${shown(value)}`;
  }
}

function wrongText(value: unknown, bytesMax: number): string | undefined {
  if (typeof value !== 'string') return `must be text, not ${shown(value)}`;
  if (value.length === 0) return 'must not be empty';
  if (value.length > bytesMax || Buffer.byteLength(value) > bytesMax) return `must have at most ${bytesMax} bytes`;
  return FORBIDDEN_CHARACTER.test(value) ? 'must not have control characters or lone surrogates' : undefined;
}

function wrongPattern(value: string, pattern: Pattern | undefined): string | undefined {
  return pattern === undefined || pattern.source.test(value) ? undefined : `must be ${pattern.says}, not ${shown(value)}`;
}

function wrongInteger(value: unknown, min: number, max: number): string | undefined {
  if (!isNumber(value)) return `must be an integer, not ${shown(value)}`;
  const exact = integerOf(value);
  if (exact === undefined) {
    const whole = typeof value === 'bigint' || value instanceof NumberText && /^-?\d+$/.test(value.source) || Number.isInteger(value);
    return whole ? `passes 2^53-1: ${shown(value)}` : `must be an integer without fraction or exponent, not ${shown(value)}`;
  }
  if (exact < min) return min === 0 ? `must not be negative, not ${shown(value)}` : `must be at least ${min}, not ${shown(value)}`;
  return exact > max ? `must be at most ${max}, not ${shown(value)}` : undefined;
}

function wrongDateTime(value: unknown): string | undefined {
  if (value instanceof Moment) {
    return Number.isSafeInteger(value.ms) && value.ms >= DATE_TIME_MS_MIN && value.ms <= DATE_TIME_MS_MAX ? undefined
      : `must be a time from 1970-01-02 to 9999, not ${value.ms}`;
  }
  if (typeof value !== 'string') return `must be a date-time like "2025-03-01T12:00:00Z", not ${shown(value)}`;
  const bytes = Buffer.from(value.slice(0, SHOWN_CHARACTERS_MAX));
  if (!Number.isNaN(dateTimeMs(bytes, 0, bytes.length))) return undefined;
  return `must be a date-time with offset like "2025-03-01T12:00:00+01:00", from 1970-01-02 on, not ${shown(value)}`;
}
