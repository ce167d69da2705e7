/**
 * Facts as objects, from the blocks that fact-block.ts wrote: for answers about old transactions, returns, explain and the verifier. Not for the hot path.
 */
import type { FactRecord } from '../../schemas/fact.js';
import { factKindNames, factStatusNames, factTable, PART_SEPARATOR, sourceTopicNames } from '../../schemas/fact-table.js';
import { NativeReader, type NativeBlock } from './native-reader.js';

/** The fact in row `row`, counted from 0 over all blocks in `bytes`. Throws when there is none. */
export function readFact(bytes: Uint8Array, row: number): FactRecord {
  const reader = new NativeReader(bytes);
  let first = 0;
  for (let block = reader.block(); block; block = reader.block()) {
    if (row < first + block.rows) return new FactReader(block).fact(row - first);
    first += block.rows;
  }
  throw new Error(`there is no fact in row ${row}: the block has ${first}`);
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

type Table = typeof factTable;
type ListName = { [K in keyof Table]: Table[K]['form'] extends 'list' ? K : never }[keyof Table];
type Element<L extends ListName> = { [K in keyof Table[L]['columns']]: Table[L]['columns'][K] extends { form: 'integer' } ? number : string };

class FactReader {
  constructor(private readonly block: NativeBlock) {}

  fact(row: number): FactRecord {
    const number = (name: Exclude<keyof Table, ListName>): number => (this.block.values.get(name)?.(row) ?? 0) as number;
    const text = (name: Exclude<keyof Table, ListName>): string => (this.block.values.get(name)?.(row) ?? '') as string;
    const texts = this.list('line_texts', row), values = this.list('line_values', row), counters = this.list('counters', row), shares = this.list('shares', row);
    return {
      kind: factKindNames[number('kind')]!, status: factStatusNames[number('status')]!, partner: text('partner'), id: text('id'), program: text('program'),
      account: number('account_number') < 0 ? '' : `${number('account_partition')}.${number('account_number')}`,
      card: text('card'), store: text('store'), terminal: text('terminal'), cashier: text('cashier'), channel: text('channel'), currency: text('currency'),
      merchant: text('merchant'), mcc: text('mcc'), originalId: text('original_id'), occurredAtMs: number('occurred_at'), processedAtMs: number('processed_at'),
      total: number('total'), points: number('points'), ruleSet: number('rule_set'), reference: number('reference'), sourceTopic: sourceTopicNames[number('source_topic')]!,
      sourcePartition: number('source_partition'), sourceOffset: number('source_offset'), sourceIndex: number('source_index'),
      lines: values.map((line, i) => ({ ...line, ...texts[i]! })),
      awards: this.list('awards', row).map(({ rule, points }, award) => {
        const [place, version, currency, id] = rule.split(PART_SEPARATOR);
        const { input, milestones, period } = counters.find((counter) => counter.award === award) ?? { input: 0, milestones: 0, period: 0 };
        return {
          rule: id!, version: Number(version), ruleIndex: Number(place), currency: currency!, points, input, milestones, period,
          shares: shares.filter((share) => share.award === award).map(({ line, points }) => ({ line, points })),
        };
      }),
      postings: this.list('postings', row).map(({ side, ...rest }) => {
        const [kind, balance, counter, currency, funder] = side.split(PART_SEPARATOR);
        return { kind: kind!, balance: balance!, counter: counter!, currency: currency!, funder: funder!, ...rest };
      }),
    };
  }
  private list<L extends ListName>(name: L, row: number): Element<L>[] {
    const list = this.block.lists.get(name);
    if (!list) return [];
    const names = Object.keys(factTable[name].columns), elements: Element<L>[] = [];
    for (let i = row === 0 ? 0 : list.ends(row - 1), end = list.ends(row); i < end; i++) {
      elements.push(Object.fromEntries(names.map((element) => [element, list.elements.get(element)!(i)])) as Element<L>);
    }
    return elements;
  }
}
