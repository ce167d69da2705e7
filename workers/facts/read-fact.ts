/**
 * Facts of the blocks that fact-block.ts wrote: as objects, for answers about old transactions, explain and the verifier (not for the hot path); or their cells, for returns
 * (purchase-cells.ts, workers/recorded-purchase.ts).
 */
import type { FactRecord } from '../../schemas/fact.js';
import { factKindNames, factStatusNames, factTable, PART_SEPARATOR, sourceTopicNames, type FactColumn, type ListColumn } from '../../schemas/fact-table.js';
import { TextCells, type Cells, type NameCells, type NumberCells } from './cells.js';
import { NativeReader, type NativeBlock, type NativeList } from './native-reader.js';
import { PurchaseCells } from './purchase-cells.js';
import { noName, noNumber, noText } from './read-cells.js';

/** The fact in row `row`, counted from 0 over all blocks in `bytes`. Throws when there is none. */
export function readFact(bytes: Uint8Array, row: number): FactRecord {
  const { rows, place } = new OpenFacts(bytes).at(row);
  return rows.fact(place);
}
/** Facts of which several are wanted: the blocks are gone through once. */
export class OpenFacts {
  private readonly blocks: FactRows[] = [];

  /** `marks`: of the texts in `bytes`, if they are known. */
  constructor(bytes: Uint8Array, marks?: Uint32Array) {
    const reader = new NativeReader(bytes, marks);
    for (let block = reader.block(); block; block = reader.block()) this.blocks.push(new FactRows(block));
  }
  /** The block of a row, and its place there. Throws when there is no such row. */
  at(row: number): { rows: FactRows; place: number } {
    let first = 0;
    for (const rows of this.blocks) {
      if (row < first + rows.count) return { rows, place: row - first };
      first += rows.count;
    }
    throw new Error(`there is no fact in row ${row}: there are ${first}`);
  }
}
export function* readFacts(bytes: Uint8Array): Iterable<FactRecord> {
  const reader = new NativeReader(bytes);
  for (let block = reader.block(); block; block = reader.block()) {
    const facts = new FactRows(block);
    for (let row = 0; row < block.rows; row++) yield facts.fact(row);
  }
}

interface Rule { rule: string; version: number; ruleIndex: number; currency: string }
interface Side { kind: string; balance: string; counter: string; currency: string; funder: string }

/** Texts of a column as strings: those of a dictionary are decoded once. */
class Strings {
  private readonly known: string[] = [];
  constructor(private readonly cells: TextCells | NameCells) {}

  at(place: number): string {
    const { cells } = this;
    if (cells instanceof TextCells) return cells.at(place);
    const number = cells.numberAt(place);
    return this.known[number] ??= cells.dictionary.at(number);
  }
}
/** Names that say several things, parted once for each entry of the dictionary. */
class Parts<T> {
  private readonly known: T[] = [];
  constructor(private readonly cells: NameCells, private readonly parse: (parts: string[]) => T) {}

  at(place: number): T {
    const number = this.cells.numberAt(place);
    return this.known[number] ??= this.parse(this.cells.dictionary.at(number).split(PART_SEPARATOR));
  }
}

/** Elements of a list: those of a row stand from `start(row)` on, before `ends.at(row)`. */
class ListRows {
  readonly ends: NumberCells;
  readonly cells: Record<string, Cells> = {};

  /** A list that the block has not has no elements. */
  constructor({ columns }: ListColumn, list: NativeList | undefined) {
    this.ends = list?.ends ?? noNumber;
    for (const [name, { form }] of Object.entries(columns)) this.cells[name] = list?.elements.get(name) ?? (form === 'integer' ? noNumber : form === 'text' ? noText : noName);
  }
  start(row: number): number {
    return row === 0 ? 0 : this.ends.at(row - 1);
  }
  number(name: string): NumberCells {
    return this.cells[name] as NumberCells;
  }
  text(name: string): TextCells | NameCells {
    return this.cells[name] as TextCells | NameCells;
  }
}

/** The rows of a block. Of one that is still being written also rows that come later. */
export class FactRows {
  readonly count: number;
  /** For returns, which need no texts as strings. */
  readonly purchases: PurchaseCells;
  private facts: Facts | undefined;

  constructor(private readonly block: NativeBlock) {
    this.count = block.rows;
    this.purchases = new PurchaseCells(block);
  }
  fact(row: number): FactRecord {
    return (this.facts ??= new Facts(this.block)).at(row);
  }
  /** Of a block that is being written, when it is begun anew: names that were read may be others now. */
  forget(): void {
    this.facts = undefined;
  }
}

/** The facts of a block as objects; finds its columns once. */
class Facts {
  private readonly number = {} as Record<NumberName, NumberCells>;
  private readonly lists = {} as Record<ListName, ListRows>;
  private readonly rule: Parts<Rule>;
  private readonly side: Parts<Side>;
  private readonly strings: Record<TextName, Strings>;
  private readonly lineStrings: Record<'sku' | 'category' | 'department' | 'brand', Strings>;

  constructor(block: NativeBlock) {
    const text = {} as Record<TextName, TextCells | NameCells>;
    for (const [name, column] of Object.entries(factTable) as [string, FactColumn][]) {
      const cells = block.values.get(name);
      if (column.form === 'list') this.lists[name as ListName] = new ListRows(column, block.lists.get(name));
      else if (column.form === 'text') text[name as TextName] = cells as TextCells | undefined ?? noText;
      else if (column.form === 'name') text[name as TextName] = cells as NameCells | undefined ?? noName;
      else this.number[name as NumberName] = cells as NumberCells | undefined ?? noNumber;
    }
    const { awards, postings, line_texts: lineTexts } = this.lists;
    this.rule = new Parts(awards.text('rule') as NameCells, ([place, version, currency, id]) => ({ rule: id!, version: Number(version), ruleIndex: Number(place), currency: currency! }));
    this.side = new Parts(postings.text('side') as NameCells, ([kind, balance, counter, currency, funder]) => (
      { kind: kind!, balance: balance!, counter: counter!, currency: currency!, funder: funder! }
    ));
    this.strings = strings(text);
    this.lineStrings = strings({ sku: lineTexts.text('sku'), category: lineTexts.text('category'), department: lineTexts.text('department'), brand: lineTexts.text('brand') });
  }
  at(row: number): FactRecord {
    const { number, strings: text } = this;
    return {
      kind: factKindNames[number.kind.at(row)]!, status: factStatusNames[number.status.at(row)]!, partner: text.partner.at(row), id: text.id.at(row), program: text.program.at(row),
      account: number.account_number.at(row) < 0 ? '' : `${number.account_partition.at(row)}.${number.account_number.at(row)}`,
      card: text.card.at(row), store: text.store.at(row), terminal: text.terminal.at(row), cashier: text.cashier.at(row), channel: text.channel.at(row), currency: text.currency.at(row),
      merchant: text.merchant.at(row), mcc: text.mcc.at(row), originalId: text.original_id.at(row), occurredAtMs: number.occurred_at.at(row), processedAtMs: number.processed_at.at(row),
      total: number.total.at(row), points: number.points.at(row), ruleSet: number.rule_set.at(row), reference: number.reference.at(row),
      sourceTopic: sourceTopicNames[number.source_topic.at(row)]!,
      sourcePartition: number.source_partition.at(row), sourceOffset: number.source_offset.at(row), sourceIndex: number.source_index.at(row),
      lines: this.lines(row), awards: this.awards(row, factKindNames[number.kind.at(row)] === 'purchase'), postings: this.postings(row),
    };
  }
  private lines(row: number): FactRecord['lines'] {
    const { line_values: list } = this.lists, { lineStrings: { sku, category, department, brand } } = this, lines: FactRecord['lines'] = [];
    const line = list.number('line'), kind = list.number('kind'), quantity = list.number('quantity'), amount = list.number('amount');
    const discount = list.number('discount'), points = list.number('points');
    for (let i = list.start(row), last = list.ends.at(row); i < last; i++) {
      lines.push({
        line: line.at(i), kind: kind.at(i), sku: sku.at(i), category: category.at(i), department: department.at(i), brand: brand.at(i),
        quantity: quantity.at(i), amount: amount.at(i), discount: discount.at(i), points: points.at(i),
      });
    }
    return lines;
  }
  private awards(row: number, isPurchase: boolean): FactRecord['awards'] {
    const { awards: list, counters, shares } = this.lists, awards: FactRecord['awards'] = [];
    for (let i = list.start(row), last = list.ends.at(row); i < last; i++) {
      const { rule, version, ruleIndex, currency } = this.rule.at(i);
      awards.push({ rule, version, ruleIndex, currency, points: list.number('points').at(i), input: 0, milestones: 0, period: 0, shares: [] });
    }
    for (let i = counters.start(row), last = counters.ends.at(row); i < last; i++) {
      const award = awards[counters.number('award').at(i)]!;
      award.input = counters.number('input').at(i);
      award.milestones = counters.number('milestones').at(i);
      award.period = counters.number('period').at(i);
    }
    for (let i = shares.start(row), last = shares.ends.at(row); i < last; i++) {
      awards[shares.number('award').at(i)]!.shares.push({ line: shares.number('line').at(i), points: shares.number('points').at(i) });
    }
    if (isPurchase) for (const award of awards) if (award.points === 0 && award.shares.length === 0) award.shares = this.sharesOfNothing(row);
    return awards;
  }
  /** The shares of an award of 0 points on all earning lines: they are not written. */
  private sharesOfNothing(row: number): FactRecord['awards'][number]['shares'] {
    const { line_values: list } = this.lists, shares: FactRecord['awards'][number]['shares'] = [];
    for (let i = list.start(row), last = list.ends.at(row); i < last; i++) {
      if (list.number('amount').at(i) > 0 && list.number('quantity').at(i) > 0) shares.push({ line: list.number('line').at(i), points: 0 });
    }
    return shares;
  }
  private postings(row: number): FactRecord['postings'] {
    const { postings: list } = this.lists, postings: FactRecord['postings'] = [];
    for (let i = list.start(row), last = list.ends.at(row); i < last; i++) {
      const { kind, balance, counter, currency, funder } = this.side.at(i);
      postings.push({
        balance, counter, kind, currency, funder,
        points: list.number('points').at(i), award: list.number('award').at(i), expires: list.number('expires').at(i), matures: list.number('matures').at(i),
      });
    }
    return postings;
  }
}

type Table = typeof factTable;
type NameOf<Form> = { [K in keyof Table]: Table[K]['form'] extends Form ? K : never }[keyof Table];
type ListName = NameOf<'list'>;
type TextName = NameOf<'text' | 'name'>;
type NumberName = NameOf<'integer' | 'moment' | 'choice'>;

const strings = <Name extends string>(cells: Record<Name, TextCells | NameCells>): Record<Name, Strings> =>
  Object.fromEntries((Object.entries(cells) as [Name, TextCells | NameCells][]).map(([name, column]) => [name, new Strings(column)])) as Record<Name, Strings>;
