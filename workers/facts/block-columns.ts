/**
 * The columns of a table of fields as one block of Native: where their numbers stand in a row, lists put together from columns (columns.ts), what goes out, and the same columns as they are
 * read back while more is added.
 */
import type { ChoiceColumn, ElementColumn, FactColumn, IntegerColumn, ListColumn, MomentColumn, NameColumn, TextColumn } from '../../schemas/fact-table.js';
import { Integers, Moments, Names } from './columns.js';
import type { NativeBlock } from './native-reader.js';
import type { NativeWriter } from './native-writer.js';
import { NumberRows } from './number-rows.js';
import { Texts } from './texts.js';

type ElementOf<C> = C extends IntegerColumn ? Integers : C extends TextColumn ? Texts : C extends NameColumn ? Names : never;
type Elements<C> = { [K in keyof C]: ElementOf<C[K]> };
/** Where the number of a column stands in a row of numbers; of a list where its elements end. Texts have none. */
export type Places<C> = { readonly [K in keyof C as C[K] extends TextColumn ? never : K]: number };

export function placesOf<C extends Record<string, FactColumn>>(columns: C): Places<C> {
  return Object.fromEntries(Object.entries(columns).filter(([, { form }]) => form !== 'text').map(([name], place) => [name, place])) as Places<C>;
}
/** How many numbers a row has. */
export const widthOf = (columns: Record<string, FactColumn>): number => Object.keys(placesOf(columns)).length;

/** A list in each row: its elements column by column, and where each row's end. */
export class Lists<C extends Record<string, ElementColumn>> {
  /** The numbers of all elements so far. */
  readonly rows: NumberRows;
  readonly columns: Elements<C>;
  readonly elements: [name: string, column: Integers | Texts | Names][];

  constructor({ columns }: { columns: C }, readonly ends: Integers) {
    this.rows = new NumberRows(widthOf(columns));
    this.columns = columnsOf(columns, this.rows) as Elements<C>;
    this.elements = Object.entries(this.columns);
  }
  clear(): void {
    this.rows.clear();
    for (const [, column] of this.elements) column.clear();
  }
  measure(): void {
    for (const [, column] of this.elements) column.measure();
  }
  get isDefault(): boolean {
    return this.rows.count === 0;
  }
  get type(): string {
    return `Array(Tuple(${this.elements.map(([name, { type }]) => `${name} ${type}`).join(', ')}))`;
  }
  prefix(out: NativeWriter): void {
    for (const [, column] of this.elements) column.prefix(out);
  }
  write(out: NativeWriter): void {
    this.ends.write64(out);
    for (const [, column] of this.elements) column.write(out);
  }
}

export type BlockColumn = Integers | Texts | Names | Lists<Record<string, ElementColumn>>;
export type ColumnOf<C extends FactColumn> = C extends MomentColumn | ChoiceColumn ? Integers : C extends ListColumn ? Lists<C['columns']> : ElementOf<C>;
export type ColumnsOf<T extends Record<string, FactColumn>> = { [K in keyof T]: ColumnOf<T[K]> };

/** The columns of a table of fields, ready to be filled; their numbers stand in `rows` (as wide as widthOf says), where placesOf says. */
export function columnsOf<T extends Record<string, FactColumn>>(table: T, rows: NumberRows): ColumnsOf<T> {
  const places = placesOf(table) as Record<string, number>;
  const create = (name: string, column: FactColumn): BlockColumn => {
    switch (column.form) {
      case 'integer': case 'choice': return new Integers(rows, places[name]!);
      case 'moment': return new Moments(rows, places[name]!);
      case 'text': return new Texts();
      case 'name': return new Names(rows, places[name]!);
      case 'list': return new Lists(column, new Integers(rows, places[name]!));
    }
  };
  return Object.fromEntries(Object.entries(table).map(([name, column]) => [name, create(name, column)])) as ColumnsOf<T>;
}

/** A block of Native: the number of columns and rows, then each column with its name and type. */
export function writeBlock(out: NativeWriter, columns: readonly (readonly [name: string, column: BlockColumn])[], rows: number): void {
  for (const [, column] of columns) column.measure();
  const filled = columns.filter(([, column]) => !column.isDefault);
  out.varint(filled.length);
  out.varint(rows);
  for (const [name, column] of filled) {
    out.ascii(name);
    out.ascii(column.type);
    column.prefix(out);
    column.write(out);
  }
}

/** The same columns as they are read: what is added later can be read, too. */
export function blockOf(columns: readonly (readonly [name: string, column: BlockColumn])[], rows: number): NativeBlock {
  const block: NativeBlock = { rows, values: new Map(), lists: new Map() };
  for (const [name, column] of columns) {
    if (column instanceof Lists) block.lists.set(name, { ends: column.ends, elements: new Map(column.elements) });
    else block.values.set(name, column);
  }
  return block;
}
