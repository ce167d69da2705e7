/**
 * The columns of a table of fields as one block of Native: lists put together from columns (columns.ts), what goes out, and the same columns as they are read back while more is added.
 */
import type { ChoiceColumn, ElementColumn, FactColumn, IntegerColumn, ListColumn, MomentColumn, NameColumn, TextColumn } from '../../schemas/fact-table.js';
import { Integers, Moments, Names, Texts } from './columns.js';
import type { NativeBlock } from './native-reader.js';
import type { NativeWriter } from './native-writer.js';

type ElementOf<C> = C extends IntegerColumn ? Integers : C extends TextColumn ? Texts : C extends NameColumn ? Names : never;

/** A list in each row: its elements column by column, and where each row's end. */
export class Lists<C extends Record<string, ElementColumn>> {
  readonly columns: { [K in keyof C]: ElementOf<C[K]> };
  readonly elements: [name: string, column: Integers | Texts | Names][];
  readonly ends = new Integers();
  /** Elements of all rows so far: the place of the next one. */
  total = 0;

  constructor(column: { columns: C }) {
    const create = ({ form }: ElementColumn): Integers | Texts | Names => (form === 'integer' ? new Integers() : form === 'text' ? new Texts() : new Names());
    this.columns = Object.fromEntries(Object.entries(column.columns).map(([name, element]) => [name, create(element)])) as typeof this.columns;
    this.elements = Object.entries(this.columns);
  }
  clear(): void {
    this.ends.clear();
    this.total = 0;
    for (const [, column] of this.elements) column.clear();
  }
  /** The row has `length` elements, whose values have been added. */
  endRow(length: number): void {
    this.ends.push(this.total += length);
  }
  measure(): void {
    for (const [, column] of this.elements) column.measure();
  }
  get isDefault(): boolean {
    return this.total === 0;
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

/** The columns of a table of fields, ready to be filled. */
export function createColumns<T extends Record<string, FactColumn>>(table: T): { [K in keyof T]: ColumnOf<T[K]> } {
  const create = (column: FactColumn): BlockColumn => {
    switch (column.form) {
      case 'integer': case 'choice': return new Integers();
      case 'moment': return new Moments();
      case 'text': return new Texts();
      case 'name': return new Names();
      case 'list': return new Lists(column);
    }
  };
  return Object.fromEntries(Object.entries(table).map(([name, column]) => [name, create(column)])) as { [K in keyof T]: ColumnOf<T[K]> };
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
