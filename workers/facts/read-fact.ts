/**
 * Facts as objects, from the blocks that fact-block.ts wrote: for answers about old transactions, returns, explain and the verifier. Not for the hot path.
 */
import type { FactRecord } from '../../schemas/fact.js';
import { factKindNames, factStatusNames, factTable, PART_SEPARATOR, sourceTopicNames, type FactColumn, type ListColumn } from '../../schemas/fact-table.js';
import { NativeReader, type NativeBlock, type NativeList } from './native-reader.js';

/** The fact in row `row`, counted from 0 over all blocks in `bytes`. Throws when there is none. */
export function readFact(bytes: Uint8Array, row: number): FactRecord {
  return new OpenFacts(bytes).fact(row);
}
/** Facts of which several are wanted: the blocks are gone through once. */
export class OpenFacts {
  private readonly readers: FactReader[] = [];

  constructor(bytes: Uint8Array) {
    const reader = new NativeReader(bytes);
    for (let block = reader.block(); block; block = reader.block()) this.readers.push(new FactReader(block));
  }
  /** Throws when there is no such row. */
  fact(row: number): FactRecord {
    let first = 0;
    for (const reader of this.readers) {
      if (row < first + reader.rows) return reader.fact(row - first);
      first += reader.rows;
    }
    throw new Error(`there is no fact in row ${row}: there are ${first}`);
  }
}
export function* readFacts(bytes: Uint8Array): Iterable<FactRecord> {
  const reader = new NativeReader(bytes);
  for (let block = reader.block(); block; block = reader.block()) {
    const facts = new FactReader(block);
    for (let row = 0; row < block.rows; row++) yield facts.fact(row);
  }
}
export function countRows(bytes: Uint8Array): number {
  const reader = new NativeReader(bytes);
  let rows = 0;
  for (let block = reader.block(); block; block = reader.block()) rows += block.rows;
  return rows;
}

type NumberCell = (row: number) => number;
type TextCell = (row: number) => string;
interface Rule { rule: string; version: number; ruleIndex: number; currency: string }
interface Side { kind: string; balance: string; counter: string; currency: string; funder: string }

/** Gives each part of a name its meaning once for each text. */
function parts<T>(parse: (parts: string[]) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) known.set(text, value = parse(text.split(PART_SEPARATOR)));
    return value;
  };
}

/** One block; finds its columns once. */
class FactReader {
  readonly rows: number;
  private readonly number: Record<NumberName, NumberCell>;
  private readonly text: Record<TextName, TextCell>;
  private readonly lists: Record<ListName, ListCells>;
  private readonly rule = parts(([place, version, currency, id]): Rule => ({ rule: id!, version: Number(version), ruleIndex: Number(place), currency: currency! }));
  private readonly side = parts(([kind, balance, counter, currency, funder]): Side => ({ kind: kind!, balance: balance!, counter: counter!, currency: currency!, funder: funder! }));

  constructor(block: NativeBlock) {
    this.rows = block.rows;
    const number: Record<string, NumberCell> = {}, text: Record<string, TextCell> = {}, lists: Record<string, ListCells> = {};
    for (const [name, column] of Object.entries(factTable) as [string, FactColumn][]) {
      if (column.form === 'list') lists[name] = listCells(column, block.lists.get(name));
      else if (column.form === 'text' || column.form === 'name') text[name] = (block.values.get(name) as TextCell | undefined) ?? noText;
      else number[name] = (block.values.get(name) as NumberCell | undefined) ?? zero;
    }
    this.number = number;
    this.text = text;
    this.lists = lists;
  }
  fact(row: number): FactRecord {
    const { number, text } = this;
    return {
      kind: factKindNames[number.kind(row)]!, status: factStatusNames[number.status(row)]!, partner: text.partner(row), id: text.id(row), program: text.program(row),
      account: number.account_number(row) < 0 ? '' : `${number.account_partition(row)}.${number.account_number(row)}`,
      card: text.card(row), store: text.store(row), terminal: text.terminal(row), cashier: text.cashier(row), channel: text.channel(row), currency: text.currency(row),
      merchant: text.merchant(row), mcc: text.mcc(row), originalId: text.original_id(row), occurredAtMs: number.occurred_at(row), processedAtMs: number.processed_at(row),
      total: number.total(row), points: number.points(row), ruleSet: number.rule_set(row), reference: number.reference(row), sourceTopic: sourceTopicNames[number.source_topic(row)]!,
      sourcePartition: number.source_partition(row), sourceOffset: number.source_offset(row), sourceIndex: number.source_index(row),
      lines: this.lines(row), awards: this.awards(row, factKindNames[number.kind(row)] === 'purchase'), postings: this.postings(row),
    };
  }
  private lines(row: number): FactRecord['lines'] {
    const { line_texts: { text }, line_values: { number, start, end } } = this.lists, lines: FactRecord['lines'] = [];
    for (let i = start(row), last = end(row); i < last; i++) {
      lines.push({
        line: number.line!(i), kind: number.kind!(i), sku: text.sku!(i), category: text.category!(i), department: text.department!(i), brand: text.brand!(i),
        quantity: number.quantity!(i), amount: number.amount!(i), discount: number.discount!(i), points: number.points!(i),
      });
    }
    return lines;
  }
  private awards(row: number, isPurchase: boolean): FactRecord['awards'] {
    const { awards: { text, number, start, end }, counters, shares } = this.lists, awards: FactRecord['awards'] = [];
    for (let i = start(row), last = end(row); i < last; i++) {
      const { rule, version, ruleIndex, currency } = this.rule(text.rule!(i));
      awards.push({ rule, version, ruleIndex, currency, points: number.points!(i), input: 0, milestones: 0, period: 0, shares: [] });
    }
    for (let i = counters.start(row), last = counters.end(row); i < last; i++) {
      const award = awards[counters.number.award!(i)]!;
      award.input = counters.number.input!(i);
      award.milestones = counters.number.milestones!(i);
      award.period = counters.number.period!(i);
    }
    for (let i = shares.start(row), last = shares.end(row); i < last; i++) {
      awards[shares.number.award!(i)]!.shares.push({ line: shares.number.line!(i), points: shares.number.points!(i) });
    }
    if (isPurchase) for (const award of awards) if (award.points === 0 && award.shares.length === 0) award.shares = this.sharesOfNothing(row);
    return awards;
  }
  /** The shares of an award of 0 points on all earning lines: they are not written. */
  private sharesOfNothing(row: number): FactRecord['awards'][number]['shares'] {
    const { number: { line, amount, quantity }, start, end } = this.lists.line_values, shares: FactRecord['awards'][number]['shares'] = [];
    for (let i = start(row), last = end(row); i < last; i++) if (amount!(i) > 0 && quantity!(i) > 0) shares.push({ line: line!(i), points: 0 });
    return shares;
  }
  private postings(row: number): FactRecord['postings'] {
    const { text, number, start, end } = this.lists.postings, postings: FactRecord['postings'] = [];
    for (let i = start(row), last = end(row); i < last; i++) {
      const { kind, balance, counter, currency, funder } = this.side(text.side!(i));
      postings.push({ balance, counter, kind, currency, funder, points: number.points!(i), award: number.award!(i), expires: number.expires!(i), matures: number.matures!(i) });
    }
    return postings;
  }
}

type Table = typeof factTable;
type NameOf<Form> = { [K in keyof Table]: Table[K]['form'] extends Form ? K : never }[keyof Table];
type ListName = NameOf<'list'>;
type TextName = NameOf<'text' | 'name'>;
type NumberName = NameOf<'integer' | 'moment' | 'choice'>;
/** A row's elements stand in places start(row) … end(row) - 1 of each cell. */
interface ListCells { start: NumberCell; end: NumberCell; number: Record<string, NumberCell>; text: Record<string, TextCell> }

const zero: NumberCell = () => 0;
const noText: TextCell = () => '';

/** A list that the block has not has no elements. */
function listCells({ columns }: ListColumn, list: NativeList | undefined): ListCells {
  const cells: ListCells = { start: list ? (row) => (row === 0 ? 0 : list.ends(row - 1)) : zero, end: list?.ends ?? zero, number: {}, text: {} };
  for (const [name, { form }] of Object.entries(columns)) {
    if (form === 'integer') cells.number[name] = list ? list.elements.get(name) as NumberCell : zero;
    else cells.text[name] = list ? list.elements.get(name) as TextCell : noText;
  }
  return cells;
}
