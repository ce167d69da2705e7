/**
 * The facts of a batch as one block of ClickHouse's Native format, filled row by row from the typed arrays of the decision; `finish` makes columns of the rows. Nothing is allocated for a row
 * or a line.
 *
 * Promises: what is added is read back equal by read-fact.ts and by ClickHouse. Never looks at state or rules, never checks: what comes here has been decided.
 */
import { factTable } from '../../schemas/fact-table.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import type { AwardSet } from '../awards.js';
import type { Postings } from '../ledger/postings.js';
import { viewOf } from '../text-words.js';
import { Text, type Transaction } from '../transaction.js';
import { blockOf, columnsOf, placesOf, widthOf, writeBlock } from './block-columns.js';
import { noText } from './columns.js';
import { ByOrdinal, ByPair, ByText } from './dictionaries.js';
import { FactKind, type FactHeader } from './fact-header.js';
import { nameText, partnerCurrency, partnerText, postingSide, programText, ruleText, sideText } from './fact-names.js';
import { NativeWriter } from './native-writer.js';
import { NumberRows } from './number-rows.js';
import { FactRows } from './read-fact.js';

/** What a fact needs of reference data (workers/reference.ts has it). */
export interface FactReference { readonly set: ReferenceSet; /** Category, department and brand by ordinal. */ readonly names: readonly string[] }

// Where what stands in a row of numbers.
const {
  kind: KIND, status: STATUS, program: PROGRAM, partner: PARTNER, account_partition: ACCOUNT_PARTITION, account_number: ACCOUNT_NUMBER, store: STORE, channel: CHANNEL, merchant: MERCHANT,
  mcc: MCC, currency: CURRENCY, occurred_at: OCCURRED_AT, processed_at: PROCESSED_AT, total: TOTAL, points: POINTS, rule_set: RULE_SET, reference: REFERENCE, source_topic: SOURCE_TOPIC,
  source_partition: SOURCE_PARTITION, source_offset: SOURCE_OFFSET, source_index: SOURCE_INDEX, batch: BATCH, line_texts: LINE_TEXTS, line_values: LINE_VALUES, awards: AWARDS,
  counters: COUNTERS, shares: SHARES, postings: POSTINGS,
} = placesOf(factTable);
const { category: LINE_CATEGORY, department: LINE_DEPARTMENT, brand: LINE_BRAND } = placesOf(factTable.line_texts.columns);
const { line: LINE_NUMBER, kind: LINE_KIND, quantity: LINE_QUANTITY, amount: LINE_AMOUNT, discount: LINE_DISCOUNT, points: LINE_POINTS } = placesOf(factTable.line_values.columns);
const { rule: AWARD_RULE, points: AWARD_POINTS } = placesOf(factTable.awards.columns);
const { award: COUNTER_AWARD, input: COUNTER_INPUT, milestones: COUNTER_MILESTONES, period: COUNTER_PERIOD } = placesOf(factTable.counters.columns);
const { award: SHARE_AWARD, line: SHARE_LINE, points: SHARE_POINTS } = placesOf(factTable.shares.columns);
const { side: POSTING_SIDE, points: POSTING_POINTS, award: POSTING_AWARD, expires: POSTING_EXPIRES, matures: POSTING_MATURES } = placesOf(factTable.postings.columns);
const LINE_TEXTS_WIDTH = widthOf(factTable.line_texts.columns), LINE_VALUES_WIDTH = widthOf(factTable.line_values.columns);
const AWARD_WIDTH = widthOf(factTable.awards.columns), SHARE_WIDTH = widthOf(factTable.shares.columns), POSTING_WIDTH = widthOf(factTable.postings.columns);

export class FactBlock {
  private readonly numbers = new NumberRows(widthOf(factTable));
  private readonly columns = columnsOf(factTable, this.numbers);
  private readonly order = Object.entries(this.columns);
  private readonly out = new NativeWriter();
  private readonly ownRows = new FactRows(blockOf(this.order, 0));
  /** Of the purchase that is being added, 0 for anything else: an award of 0 points on all of them has its shares left out, since they say nothing (read-fact.ts puts them back). */
  private earningLines = 0;
  /** Where the lines of the transaction that is being added begin. */
  private linesAt = 0;

  // What is filled, as fields: an object made from entries is a hash table to V8.
  private readonly id = this.columns.id;
  private readonly originalId = this.columns.original_id;
  private readonly card = this.columns.card;
  private readonly terminal = this.columns.terminal;
  private readonly cashier = this.columns.cashier;
  private readonly sku = this.columns.line_texts.columns.sku;
  private readonly lineTexts = this.columns.line_texts.rows;
  private readonly lineValues = this.columns.line_values.rows;
  private readonly awards = this.columns.awards.rows;
  private readonly counters = this.columns.counters.rows;
  private readonly shares = this.columns.shares.rows;
  private readonly postings = this.columns.postings.rows;

  private readonly program = new ByOrdinal(this.columns.program, programText);
  private readonly partner = new ByOrdinal(this.columns.partner, partnerText);
  private readonly store = new ByText(this.columns.store);
  private readonly channel = new ByText(this.columns.channel);
  private readonly merchant = new ByText(this.columns.merchant);
  private readonly mcc = new ByText(this.columns.mcc);
  private readonly currency = new ByText(this.columns.currency);
  private readonly partnerCurrency = new ByOrdinal(this.columns.currency, partnerCurrency);
  private readonly category = new ByOrdinal(this.columns.line_texts.columns.category, nameText);
  private readonly ownCategory = new ByText(this.columns.line_texts.columns.category);
  private readonly department = new ByOrdinal(this.columns.line_texts.columns.department, nameText);
  private readonly brand = new ByOrdinal(this.columns.line_texts.columns.brand, nameText);
  private readonly rule = new ByPair(this.columns.awards.columns.rule, ruleText);
  private readonly side = new ByPair(this.columns.postings.columns.side, sideText);
  private readonly dictionaries = [
    this.program, this.partner, this.store, this.channel, this.merchant, this.mcc, this.currency, this.partnerCurrency, this.category, this.ownCategory, this.department, this.brand, this.rule,
    this.side,
  ];

  get rows(): number {
    return this.numbers.count;
  }
  reset(): void {
    this.out.clear();
    this.ownRows.forget();
    this.numbers.clear();
    for (const [, column] of this.order) column.clear();
    for (const dictionary of this.dictionaries) dictionary.clear();
  }
  /** One row. `t` is null for what happens without a transaction (settlement, import, reconciliation). */
  add(t: Transaction | null, header: FactHeader, awards: AwardSet, postings: Postings, reference: FactReference): void {
    const at = this.numbers.add(1), { values } = this.numbers;
    this.addHeader(values, at, header);
    this.earningLines = 0;
    if (t === null) this.addNoTransaction(values, at, header, postings, reference.set);
    else {
      const view = viewOf(t.bytes);
      this.addTransaction(values, at, t, view, header.sign, reference.set);
      this.addLines(t, view, header.sign, reference.names);
      if (header.kind !== FactKind.purchase || header.sign < 0) this.earningLines = 0;
    }
    this.addAwards(t === null ? 0 : t.lineCount, header.currency, awards, reference.set);
    this.addPostings(postings, reference.set);
    values[at + LINE_TEXTS] = this.lineTexts.count;
    values[at + LINE_VALUES] = this.lineValues.count;
    values[at + AWARDS] = this.awards.count;
    values[at + COUNTERS] = this.counters.count;
    values[at + SHARES] = this.shares.count;
    values[at + POSTINGS] = this.postings.count;
  }
  /** The block, good until the next one is finished. */
  finish(): Uint8Array {
    this.out.clear();
    writeBlock(this.out, this.order, this.rows);
    return this.out.written();
  }
  /** Where the texts of the finished block stand; good as long as the block. */
  get marks(): Uint32Array {
    return this.out.marks.written();
  }

  /** The rows so far, and those that will be added: good until `reset`. */
  written(): FactRows {
    return this.ownRows;
  }

  private addHeader(values: Float64Array, at: number, header: FactHeader): void {
    values[at + KIND] = header.kind;
    values[at + STATUS] = header.status;
    values[at + ACCOUNT_PARTITION] = header.accountPartition;
    values[at + ACCOUNT_NUMBER] = header.accountOrdinal;
    values[at + PROCESSED_AT] = header.processedAtMs;
    values[at + POINTS] = header.points;
    values[at + RULE_SET] = header.ruleSet;
    values[at + REFERENCE] = header.referenceVersion;
    values[at + SOURCE_TOPIC] = header.sourceTopic;
    values[at + SOURCE_PARTITION] = header.sourcePartition;
    values[at + SOURCE_OFFSET] = header.sourceOffset;
    values[at + SOURCE_INDEX] = header.sourceIndex;
    values[at + BATCH] = header.batch;
  }
  private addTransaction(values: Float64Array, at: number, t: Transaction, view: DataView, sign: 1 | -1, set: ReferenceSet): void {
    const { text } = t, currencyLength = text[2 * Text.currency + 1]!;
    this.id.push(view, text[2 * Text.id]!, text[2 * Text.id + 1]!);
    this.originalId.push(view, text[2 * Text.originalId]!, text[2 * Text.originalId + 1]!);
    this.card.push(view, text[2 * Text.card]!, text[2 * Text.card + 1]!);
    this.terminal.push(view, text[2 * Text.terminal]!, text[2 * Text.terminal + 1]!);
    this.cashier.push(view, text[2 * Text.cashier]!, text[2 * Text.cashier + 1]!);
    values[at + STORE] = this.store.number(view, text[2 * Text.store]!, text[2 * Text.store + 1]!);
    values[at + CHANNEL] = this.channel.number(view, text[2 * Text.channel]!, text[2 * Text.channel + 1]!);
    values[at + MERCHANT] = this.merchant.number(view, text[2 * Text.merchant]!, text[2 * Text.merchant + 1]!);
    values[at + MCC] = this.mcc.number(view, text[2 * Text.mcc]!, text[2 * Text.mcc + 1]!);
    values[at + CURRENCY] = currencyLength > 0 ? this.currency.number(view, text[2 * Text.currency]!, currencyLength) : this.partnerCurrency.number(t.partnerOrdinal, set);
    values[at + PROGRAM] = this.program.number(t.programOrdinal, set);
    values[at + PARTNER] = this.partner.number(t.partnerOrdinal, set);
    values[at + OCCURRED_AT] = t.occurredAtMs;
    values[at + TOTAL] = t.total * sign;
  }
  private addNoTransaction(values: Float64Array, at: number, header: FactHeader, postings: Postings, set: ReferenceSet): void {
    this.id.push(header.ofId ? viewOf(header.ofId) : noText, 0, header.ofId?.length ?? 0);
    for (const column of [this.originalId, this.card, this.terminal, this.cashier]) column.push(noText, 0, 0);
    values[at + STORE] = values[at + CHANNEL] = values[at + MERCHANT] = values[at + MCC] = values[at + CURRENCY] = 0;
    values[at + PARTNER] = this.partner.number(header.ofPartner, set);
    values[at + PROGRAM] = this.program.number(postings.count === 0 ? -1 : set.currencies[postings.currency[0]!]!.program, set);
    values[at + OCCURRED_AT] = header.processedAtMs;
    values[at + TOTAL] = 0;
  }
  private addLines(t: Transaction, view: DataView, sign: 1 | -1, names: readonly string[]): void {
    const { lineCount } = t, { sku, category, department, brand } = this;
    let textsAt = this.lineTexts.add(lineCount), at = this.lineValues.add(lineCount), earning = 0;
    this.linesAt = at;
    const { values: texts } = this.lineTexts, { values } = this.lineValues;
    for (let i = 0; i < lineCount; i++, textsAt = (textsAt + LINE_TEXTS_WIDTH) | 0, at = (at + LINE_VALUES_WIDTH) | 0) {
      const own = t.lineCategory[i]!, quantity = t.quantity[i]!, amount = t.amount[i]!;
      sku.push(view, t.skuStart[i]!, t.skuLength[i]!);
      texts[textsAt + LINE_CATEGORY] = own < 0 ? this.ownCategory.number(view, t.categoryStart[i]!, t.categoryLength[i]!) : category.number(own, names);
      texts[textsAt + LINE_DEPARTMENT] = department.number(t.lineDepartment[i]!, names);
      texts[textsAt + LINE_BRAND] = brand.number(t.lineBrand[i]!, names);
      values[at + LINE_NUMBER] = t.lineNumber[i]!;
      values[at + LINE_KIND] = t.lineKind[i]!;
      values[at + LINE_QUANTITY] = quantity * sign;
      values[at + LINE_AMOUNT] = amount * sign;
      values[at + LINE_DISCOUNT] = t.discount[i]! * sign;
      values[at + LINE_POINTS] = 0; // addShares
      if (amount > 0 && quantity > 0) earning++;
    }
    this.earningLines = earning;
  }
  private addAwards(lineCount: number, lineCurrency: number, awards: AwardSet, set: ReferenceSet): void {
    let at = this.awards.add(awards.count);
    const { values } = this.awards;
    for (let award = 0; award < awards.count; award++, at = (at + AWARD_WIDTH) | 0) {
      const points = awards.points[award]!, currency = awards.currency[award]!, impliedShares = points === 0 && this.earningLines > 0 && awards.shareCount[award] === this.earningLines;
      values[at + AWARD_RULE] = this.rule.number(awards.rule[award]!, currency, set);
      values[at + AWARD_POINTS] = points;
      if (awards.input[award] !== 0 || awards.milestones[award] !== 0 || awards.period[award] !== 0) this.addCounter(award, awards);
      if (!impliedShares) this.addShares(lineCount, award, awards, currency === lineCurrency);
    }
  }
  private addCounter(award: number, { input, milestones, period }: AwardSet): void {
    const at = this.counters.add(1), { values } = this.counters;
    values[at + COUNTER_AWARD] = award;
    values[at + COUNTER_INPUT] = input[award]!;
    values[at + COUNTER_MILESTONES] = milestones[award]!;
    values[at + COUNTER_PERIOD] = period[award]!;
  }
  /** `countsInLines`: the points are of the currency that points of lines are of. */
  private addShares(lineCount: number, award: number, { shareStart, shareCount, shareLine, sharePoints }: AwardSet, countsInLines: boolean): void {
    const { linesAt, lineValues: { values: lines } } = this, first = shareStart[award]!, end = (first + shareCount[award]!) | 0;
    let at = this.shares.add(end - first);
    const { values } = this.shares;
    for (let i = first; i < end; i++, at = (at + SHARE_WIDTH) | 0) {
      const points = sharePoints[i]!, line = (linesAt + shareLine[i]! * LINE_VALUES_WIDTH) | 0;
      values[at + SHARE_AWARD] = award;
      values[at + SHARE_POINTS] = points;
      // A transaction without lines counts as one line 1.
      if (lineCount === 0) values[at + SHARE_LINE] = 1;
      else {
        values[at + SHARE_LINE] = lines[line + LINE_NUMBER]!;
        if (countsInLines) lines[line + LINE_POINTS] = lines[line + LINE_POINTS]! + points;
      }
    }
  }
  private addPostings(postings: Postings, set: ReferenceSet): void {
    const { count } = postings;
    let at = this.postings.add(count);
    const { values } = this.postings;
    for (let i = 0; i < count; i++, at = (at + POSTING_WIDTH) | 0) {
      values[at + POSTING_SIDE] = this.side.number(postings.funder[i]! + 1, postingSide(postings.kind[i]!, postings.balance[i]!, postings.counter[i]!, postings.currency[i]!), set);
      values[at + POSTING_POINTS] = postings.points[i]!;
      values[at + POSTING_AWARD] = postings.award[i]!;
      values[at + POSTING_EXPIRES] = postings.expires[i]!;
      values[at + POSTING_MATURES] = postings.matures[i]!;
    }
  }
}
