/**
 * The small language in which records are defined: a record is a table of fields, and everything else is made from the table, so that a field exists
 * in one place:
 *
 *   TypeOf<typeof table>   the TypeScript type
 *   jsonSchema(table)      the JSON Schema for OpenAPI
 *   validate.ts            the check of a decoded document, with pointer, reason, detail and hint
 *   workers/parse          the readers for JSON and MessagePack
 *
 * It promises nothing about values and never looks at one. Every text, list and number has a bound here.
 */
export interface Pattern { readonly source: RegExp; readonly says: string }

export interface TextField { readonly type: 'text'; readonly bytesMax: number; readonly pattern?: Pattern; readonly about?: string }
/** Exactly `count` characters of an ASCII range. */
export interface CodeField { readonly type: 'code'; readonly count: number; readonly from: string; readonly to: string; readonly about?: string }
export interface ChoiceField<V extends string = string> { readonly type: 'choice'; readonly values: readonly V[]; readonly about?: string }
/** An integer on its source text: 1.0 and 1e3 are not integers in money. */
export interface IntegerField { readonly type: 'integer'; readonly min: number; readonly max: number; readonly about?: string }
/** A number with at most three decimals, kept in thousandths. */
export interface ThousandthsField { readonly type: 'thousandths'; readonly about?: string }
/** A floating number that nothing is calculated from (coordinates). */
export interface NumberField { readonly type: 'number'; readonly min: number; readonly max: number; readonly about?: string }
export interface BooleanField { readonly type: 'boolean'; readonly about?: string }
/** RFC 3339 with offset or Z. */
export interface DateTimeField { readonly type: 'dateTime'; readonly about?: string }
/** A name of the IANA time-zone database. */
export interface TimeZoneField { readonly type: 'timeZone'; readonly about?: string }
export interface ListField<I extends Field = Field> {
  readonly type: 'list'; readonly item: I; readonly itemsMin: number; readonly itemsMax: number; readonly about?: string;
}
export interface RecordField<F extends Fields = Fields> { readonly type: 'record'; readonly fields: F; readonly about?: string }
export type Field =
  | TextField | CodeField | ChoiceField | IntegerField | ThousandthsField | NumberField | BooleanField | DateTimeField | TimeZoneField
  | ListField<Field> | RecordField<Fields>;
export interface Fields { readonly [name: string]: Field & { readonly optional?: true } }

/** Bound of identifiers, in bytes of UTF-8. */
export const ID_BYTES_MAX = 128;
export const INTEGER_MAX = Number.MAX_SAFE_INTEGER;

export const text = (bytesMax: number, about?: string, pattern?: Pattern): TextField =>
  ({ type: 'text', bytesMax, ...pattern && { pattern }, ...about && { about } });
export const identifier = (about?: string): TextField => text(ID_BYTES_MAX, about);
export const code = (count: number, from: string, to: string, about?: string): CodeField => ({ type: 'code', count, from, to, ...about && { about } });
export const choice = <const V extends string>(values: readonly V[], about?: string): ChoiceField<V> => ({ type: 'choice', values, ...about && { about } });
export const integer = (min: number, max: number, about?: string): IntegerField => ({ type: 'integer', min, max, ...about && { about } });
/** Minor units of money. */
export const money = (about?: string): IntegerField => integer(0, INTEGER_MAX, about);
export const signedMoney = (about?: string): IntegerField => integer(-INTEGER_MAX, INTEGER_MAX, about);
export const thousandths = (about?: string): ThousandthsField => ({ type: 'thousandths', ...about && { about } });
export const number = (min: number, max: number, about?: string): NumberField => ({ type: 'number', min, max, ...about && { about } });
export const boolean = (about?: string): BooleanField => ({ type: 'boolean', ...about && { about } });
export const dateTime = (about?: string): DateTimeField => ({ type: 'dateTime', ...about && { about } });
export const timeZone = (about?: string): TimeZoneField => ({ type: 'timeZone', ...about && { about } });
export const list = <I extends Field>(item: I, itemsMin: number, itemsMax: number, about?: string): ListField<I> =>
  ({ type: 'list', item, itemsMin, itemsMax, ...about && { about } });
export const record = <F extends Fields>(fields: F, about?: string): RecordField<F> => ({ type: 'record', fields, ...about && { about } });
export const optional = <F extends Field>(field: F): F & { readonly optional: true } => ({ ...field, optional: true });

type OptionalName<F extends Fields> = { [N in keyof F]: F[N] extends { readonly optional: true } ? N : never }[keyof F];
type Flat<T> = { [N in keyof T]: T[N] };
export type TypeOf<F> =
  F extends { readonly type: 'record'; readonly fields: infer R extends Fields }
    ? Flat<{ [N in Exclude<keyof R, OptionalName<R>>]: TypeOf<R[N]> } & { [N in OptionalName<R>]?: TypeOf<R[N]> }>
    : F extends { readonly type: 'list'; readonly item: infer I } ? TypeOf<I>[]
      : F extends { readonly type: 'choice'; readonly values: readonly (infer V)[] } ? V
        : F extends { readonly type: 'integer' | 'thousandths' | 'number' } ? number
          : F extends { readonly type: 'boolean' } ? boolean
            : string;

/** JSON Schema (2020-12) of a field. It says what can be said without looking at two fields at once; the rest is in the descriptions. */
export function jsonSchema(field: Field): Record<string, unknown> {
  const about = field.about === undefined ? {} : { description: field.about };
  switch (field.type) {
    case 'text':
      return { type: 'string', minLength: 1, maxLength: field.bytesMax, ...field.pattern ? { pattern: field.pattern.source.source, ...about } : inBytes(field) };
    case 'code':
      return { type: 'string', pattern: `^[${field.from}-${field.to}]{${field.count}}$`, ...about };
    case 'choice':
      return { type: 'string', enum: [...field.values], ...about };
    case 'integer':
      return { type: 'integer', minimum: field.min, maximum: field.max, ...about };
    case 'thousandths':
      return { type: 'number', minimum: 0, multipleOf: 0.001, ...about };
    case 'number':
      return { type: 'number', minimum: field.min, maximum: field.max, ...about };
    case 'boolean':
      return { type: 'boolean', ...about };
    case 'dateTime':
      return { type: 'string', format: 'date-time', ...about };
    case 'timeZone':
      return { type: 'string', examples: ['Europe/Berlin', 'UTC'], ...about };
    case 'list':
      return { type: 'array', items: jsonSchema(field.item), minItems: field.itemsMin, maxItems: field.itemsMax, ...about };
    case 'record': {
      const names = Object.keys(field.fields);
      return {
        type: 'object',
        properties: Object.fromEntries(names.map(name => [name, jsonSchema(field.fields[name]!)])),
        required: names.filter(name => field.fields[name]!.optional !== true),
        additionalProperties: false,
        ...about,
      };
    }
  }
}

/** maxLength counts characters. Patterns are of ASCII, where a character is a byte. */
function inBytes({ bytesMax, about }: TextField): { description: string } {
  const bound = `At most ${bytesMax} bytes of UTF-8.`;
  return { description: about === undefined ? bound : `${/[.…]$/.test(about) ? about : `${about}.`} ${bound}` };
}
