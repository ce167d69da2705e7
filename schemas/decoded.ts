/**
 * Values of a decoded document that a plain JavaScript number or text would lose: numbers as they were written, and moments of binary formats.
 * Decoders make them (workers/parse), validate.ts and the fill step read them. Documents that went through JSON.parse hold plain numbers instead.
 */

/** A JSON number that is no plain integer within ±(2^53-1): kept as its source text. */
export class NumberText {
  constructor(readonly source: string) {}
  toJSON(): number {
    return Number(this.source);
  }
}

/** A point in time given as milliseconds (MessagePack). */
export class Moment {
  constructor(readonly ms: number) {}
  toJSON(): string | number {
    return Math.abs(this.ms) <= 8.64e15 ? new Date(this.ms).toISOString() : this.ms;
  }
}

export const isNumber = (value: unknown): value is number | bigint | NumberText =>
  typeof value === 'number' || typeof value === 'bigint' || value instanceof NumberText;

/** The exact integer, or undefined when it is none or passes 2^53-1. -0 is 0. */
export function integerOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : undefined;
  return undefined;
}

/** A quantity as an integer of thousandths, or undefined when it has more than three decimals or passes the bound. */
export function thousandthsOf(value: unknown): number | undefined {
  if (typeof value === 'number') {
    const whole = Math.round(value * 1000);
    return Number.isSafeInteger(whole) && whole / 1000 === value ? whole + 0 : undefined;
  }
  if (!(value instanceof NumberText)) return undefined;
  const parts = /^(-?)(\d+)\.(\d{1,3})0*$/.exec(value.source);
  if (parts === null) return undefined;
  const whole = Number(parts[2]! + parts[3]!.padEnd(3, '0'));
  return Number.isSafeInteger(whole) ? (parts[1] === '-' ? -whole : whole) + 0 : undefined;
}
