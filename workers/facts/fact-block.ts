/**
 * The facts of a batch as one block of ClickHouse's Native format, filled column by column from the typed arrays of the decision. Nothing is allocated for a row or
 * a line.
 *
 * Promises: what is added is read back equal by read-fact.ts and by ClickHouse. Never looks at state or rules, never checks: what comes here has been decided.
 */
import { factTable, PART_SEPARATOR } from '../../schemas/fact-table.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import type { AwardSet } from '../awards.js';
import { balanceNames, counterNames, postingKindNames, type Postings } from '../ledger/postings.js';
import { LINES_MAX, Text, type Transaction } from '../transaction.js';
import { blockOf, createColumns, writeBlock } from './block-columns.js';
import { ByKey, ByOrdinal, ByText } from './dictionaries.js';
import { FactKind, type FactHeader } from './fact-header.js';
import { NativeWriter } from './native-writer.js';
import { FactRows } from './read-fact.js';

/** What a fact needs of reference data (workers/reference.ts has it). */
export interface FactReference { readonly set: ReferenceSet; /** Category, department and brand by ordinal. */ readonly names: readonly string[] }

const programText = ({ programs }: ReferenceSet, ordinal: number): string => programs[ordinal]!.id;
const partnerText = ({ partners }: ReferenceSet, ordinal: number): string => partners[ordinal]!.id;
const partnerCurrency = ({ partners }: ReferenceSet, ordinal: number): string => partners[ordinal]!.document.currency;
const nameText = (names: readonly string[], ordinal: number): string => names[ordinal]!;

/** The columns as fields of a class: an object made from entries would be a hash table to V8, and the hot path half as fast. */
class FactColumns {
  readonly all = createColumns(factTable);
  readonly order = Object.entries(this.all);
  readonly kind = this.all.kind;
  readonly status = this.all.status;
  readonly program = this.all.program;
  readonly partner = this.all.partner;
  readonly id = this.all.id;
  readonly original_id = this.all.original_id;
  readonly account_partition = this.all.account_partition;
  readonly account_number = this.all.account_number;
  readonly card = this.all.card;
  readonly store = this.all.store;
  readonly terminal = this.all.terminal;
  readonly cashier = this.all.cashier;
  readonly channel = this.all.channel;
  readonly merchant = this.all.merchant;
  readonly mcc = this.all.mcc;
  readonly currency = this.all.currency;
  readonly occurred_at = this.all.occurred_at;
  readonly processed_at = this.all.processed_at;
  readonly total = this.all.total;
  readonly points = this.all.points;
  readonly rule_set = this.all.rule_set;
  readonly reference = this.all.reference;
  readonly source_topic = this.all.source_topic;
  readonly source_partition = this.all.source_partition;
  readonly source_offset = this.all.source_offset;
  readonly source_index = this.all.source_index;
  readonly batch = this.all.batch;
  readonly line_texts = this.all.line_texts;
  readonly line_values = this.all.line_values;
  readonly awards = this.all.awards;
  readonly counters = this.all.counters;
  readonly shares = this.all.shares;
  readonly postings = this.all.postings;
}

export class FactBlock {
  rows = 0;
  private readonly columns = new FactColumns();
  private readonly out = new NativeWriter();
  private readonly linePoints = new Float64Array(LINES_MAX);
  /** Of the purchase that is being added, 0 for anything else: an award of 0 points on all of them has its shares left out, since they say nothing (read-fact.ts puts them back). */
  private earningLines = 0;
  private ownRows: FactRows | undefined;

  private readonly program = new ByOrdinal(this.columns.program);
  private readonly partner = new ByOrdinal(this.columns.partner);
  private readonly store = new ByText(this.columns.store);
  private readonly channel = new ByText(this.columns.channel);
  private readonly merchant = new ByText(this.columns.merchant);
  private readonly mcc = new ByText(this.columns.mcc);
  private readonly currency = new ByText(this.columns.currency);
  private readonly partnerCurrency = new ByOrdinal(this.columns.currency);
  private readonly category = new ByOrdinal(this.columns.line_texts.columns.category);
  private readonly ownCategory = new ByText(this.columns.line_texts.columns.category);
  private readonly department = new ByOrdinal(this.columns.line_texts.columns.department);
  private readonly brand = new ByOrdinal(this.columns.line_texts.columns.brand);
  private readonly rule = new ByKey(this.columns.awards.columns.rule);
  private readonly side = new ByKey(this.columns.postings.columns.side);

  reset(): void {
    this.rows = 0;
    this.ownRows = undefined;
    for (const [, column] of this.columns.order) column.clear();
  }
  /** One row. `t` is null for what happens without a transaction (settlement, import, reconciliation). */
  add(t: Transaction | null, header: FactHeader, awards: AwardSet, postings: Postings, reference: FactReference): void {
    this.rows++;
    this.addHeader(header);
    this.earningLines = 0;
    if (t === null) this.addNoTransaction(header, postings, reference.set);
    else {
      this.addTransaction(t, header, reference.set);
      this.addLines(t, header.sign, awards, reference.names);
      if (header.kind !== FactKind.purchase || header.sign < 0) this.earningLines = 0;
    }
    this.addAwards(t, awards, reference.set);
    this.addPostings(postings, reference.set);
  }
  /** The block, good until the next one is finished. */
  finish(): Uint8Array {
    this.out.clear();
    writeBlock(this.out, this.columns.order, this.rows);
    return this.out.written();
  }

  /** The rows so far, and those that will be added: good until `reset`. */
  written(): FactRows {
    return this.ownRows ??= new FactRows(blockOf(this.columns.order, this.rows));
  }

  private addHeader(header: FactHeader): void {
    const { columns } = this;
    columns.kind.push(header.kind);
    columns.status.push(header.status);
    columns.account_partition.push(header.accountPartition);
    columns.account_number.push(header.accountOrdinal);
    columns.processed_at.push(header.processedAtMs);
    columns.points.push(header.points);
    columns.rule_set.push(header.ruleSet);
    columns.reference.push(header.referenceVersion);
    columns.source_topic.push(header.sourceTopic);
    columns.source_partition.push(header.sourcePartition);
    columns.source_offset.push(header.sourceOffset);
    columns.source_index.push(header.sourceIndex);
    columns.batch.push(header.batch);
  }
  private addTransaction(t: Transaction, header: FactHeader, set: ReferenceSet): void {
    const { columns } = this, { bytes, text } = t;
    columns.id.push(bytes, text[2 * Text.id]!, text[2 * Text.id + 1]!);
    columns.original_id.push(bytes, text[2 * Text.originalId]!, text[2 * Text.originalId + 1]!);
    columns.card.push(bytes, text[2 * Text.card]!, text[2 * Text.card + 1]!);
    columns.terminal.push(bytes, text[2 * Text.terminal]!, text[2 * Text.terminal + 1]!);
    columns.cashier.push(bytes, text[2 * Text.cashier]!, text[2 * Text.cashier + 1]!);
    this.store.push(bytes, text[2 * Text.store]!, text[2 * Text.store + 1]!);
    this.channel.push(bytes, text[2 * Text.channel]!, text[2 * Text.channel + 1]!);
    this.merchant.push(bytes, text[2 * Text.merchant]!, text[2 * Text.merchant + 1]!);
    this.mcc.push(bytes, text[2 * Text.mcc]!, text[2 * Text.mcc + 1]!);
    const currencyLength = text[2 * Text.currency + 1]!;
    if (currencyLength > 0) this.currency.push(bytes, text[2 * Text.currency]!, currencyLength);
    else this.partnerCurrency.push(t.partnerOrdinal, set, partnerCurrency);
    this.program.push(t.programOrdinal, set, programText);
    this.partner.push(t.partnerOrdinal, set, partnerText);
    columns.occurred_at.push(t.occurredAtMs);
    columns.total.push(t.total * header.sign);
  }
  private addNoTransaction(header: FactHeader, postings: Postings, set: ReferenceSet): void {
    const { columns } = this, nothing = columns.id.bytes;
    if (header.ofId) columns.id.push(header.ofId, 0, header.ofId.length);
    else columns.id.push(nothing, 0, 0);
    this.partner.push(header.ofPartner, set, partnerText);
    for (const column of [columns.original_id, columns.card, columns.terminal, columns.cashier]) column.push(nothing, 0, 0);
    for (const column of [columns.store, columns.channel, columns.merchant, columns.mcc, columns.currency]) column.push(0);
    this.program.push(postings.count === 0 ? -1 : set.currencies[postings.currency[0]!]!.program, set, programText);
    columns.occurred_at.push(header.processedAtMs);
    columns.total.push(0);
    columns.line_texts.endRow(0);
    columns.line_values.endRow(0);
  }
  private addLines(t: Transaction, sign: 1 | -1, awards: AwardSet, names: readonly string[]): void {
    const { linePoints } = this, { lineCount, bytes } = t, { shareLine, sharePoints } = awards;
    for (let i = 0; i < lineCount; i++) linePoints[i] = 0;
    for (let award = 0; award < awards.count; award++) {
      const end = awards.shareStart[award]! + awards.shareCount[award]!;
      for (let j = awards.shareStart[award]!; j < end; j++) linePoints[shareLine[j]!]! += sharePoints[j]!;
    }
    const { line_texts: { columns: texts }, line_values: { columns: values, total: first } } = this.columns;
    let earning = 0;
    const line = values.line.room(lineCount), kind = values.kind.room(lineCount), quantity = values.quantity.room(lineCount), amount = values.amount.room(lineCount);
    const discount = values.discount.room(lineCount), points = values.points.room(lineCount);
    for (let i = 0; i < lineCount; i++) {
      texts.sku.push(bytes, t.skuStart[i]!, t.skuLength[i]!);
      if (t.lineCategory[i]! < 0) this.ownCategory.push(bytes, t.categoryStart[i]!, t.categoryLength[i]!);
      else this.category.push(t.lineCategory[i]!, names, nameText);
      this.department.push(t.lineDepartment[i]!, names, nameText);
      this.brand.push(t.lineBrand[i]!, names, nameText);
      line[first + i] = t.lineNumber[i]!;
      kind[first + i] = t.lineKind[i]!;
      quantity[first + i] = t.quantity[i]! * sign;
      amount[first + i] = t.amount[i]! * sign;
      discount[first + i] = t.discount[i]! * sign;
      points[first + i] = linePoints[i]!;
      if (t.amount[i]! > 0 && t.quantity[i]! > 0) earning++;
    }
    this.earningLines = earning;
    this.columns.line_texts.endRow(lineCount);
    this.columns.line_values.endRow(lineCount);
  }
  private addAwards(t: Transaction | null, awards: AwardSet, set: ReferenceSet): void {
    const { awards: awardList, shares: shareList, counters: counterList } = this.columns;
    let shares = 0, counters = 0;
    for (let award = 0; award < awards.count; award++) {
      awardList.columns.rule.push(this.ruleNumber(awards.rule[award]!, awards.currency[award]!, set));
      awardList.columns.points.push(awards.points[award]!);
      if (awards.input[award] !== 0 || awards.milestones[award] !== 0 || awards.period[award] !== 0) {
        counterList.columns.award.push(award);
        counterList.columns.input.push(awards.input[award]!);
        counterList.columns.milestones.push(awards.milestones[award]!);
        counterList.columns.period.push(awards.period[award]!);
        counters++;
      }
      const impliedShares = this.earningLines > 0 && awards.points[award] === 0 && awards.shareCount[award] === this.earningLines;
      if (!impliedShares) shares += this.addShares(t, award, awards, shareList.total + shares);
    }
    awardList.endRow(awards.count);
    shareList.endRow(shares);
    counterList.endRow(counters);
  }
  /** Shares of one award, from place `first` of all shares on. Returns how many. */
  private addShares(t: Transaction | null, award: number, awards: AwardSet, first: number): number {
    const { columns } = this.columns.shares, { shareLine, sharePoints } = awards, start = awards.shareStart[award]!, count = awards.shareCount[award]!;
    const awardNumber = columns.award.room(count), line = columns.line.room(count), points = columns.points.room(count);
    // A transaction without lines counts as one line 1.
    const lineNumber = t === null || t.lineCount === 0 ? undefined : t.lineNumber;
    for (let i = 0; i < count; i++) {
      awardNumber[first + i] = award;
      line[first + i] = lineNumber === undefined ? 1 : lineNumber[shareLine[start + i]!]!;
      points[first + i] = sharePoints[start + i]!;
    }
    return count;
  }
  private addPostings(postings: Postings, set: ReferenceSet): void {
    const { postings: list } = this.columns, { columns, total: first } = list, { count } = postings;
    const points = columns.points.room(count), award = columns.award.room(count), expires = columns.expires.room(count), matures = columns.matures.room(count);
    for (let i = 0; i < count; i++) {
      columns.side.push(this.sideNumber(postings.kind[i]!, postings.balance[i]!, postings.counter[i]!, postings.currency[i]!, postings.funder[i]!, set));
      points[first + i] = postings.points[i]!;
      award[first + i] = postings.award[i]!;
      expires[first + i] = postings.expires[i]!;
      matures[first + i] = postings.matures[i]!;
    }
    list.endRow(count);
  }
  private ruleNumber(rule: number, currency: number, set: ReferenceSet): number {
    const key = rule * 2 ** 20 + currency, known = this.rule.find(key);
    if (known >= 0) return known;
    return this.rule.enter(key, this.rule.known(key, set) ?? this.rule.learn(key, ruleText(rule, currency, set)));
  }
  private sideNumber(kind: number, balance: number, counter: number, currency: number, funder: number, set: ReferenceSet): number {
    const key = (((funder + 1) * 2 ** 20 + currency) * 8 + kind) * 32 + balance * 8 + counter, known = this.side.find(key);
    if (known >= 0) return known;
    return this.side.enter(key, this.side.known(key, set) ?? this.side.learn(key, sideText(kind, balance, counter, currency, funder, set)));
  }
}

function ruleText(rule: number, currency: number, { rules, currencies }: ReferenceSet): string {
  const { document } = rules[rule]!;
  return [rule, document.version, currencies[currency]!.id, document.id].join(PART_SEPARATOR);
}
function sideText(kind: number, balance: number, counter: number, currency: number, funder: number, { currencies, funders }: ReferenceSet): string {
  const funderText = funder < 0 ? '' : funders[funder]!;
  return [postingKindNames[kind], balanceNames[balance], counterNames[counter], currencies[currency]!.id, funderText].join(PART_SEPARATOR);
}
