/**
 * The one table of the columns of a fact: from it come the writer (workers/facts/fact-block.ts), the reader (workers/facts/read-fact.ts) and ClickHouse's table
 * `pointstream.facts` (schemas/clickhouse). Its order is the order on the wire.
 *
 * Chosen for what a value costs ClickHouse to take in (docs/decisions/002): few values a transaction, integers and texts in lists of their own (so that integers have
 * their codec), what always goes together written as one text of a dictionary, and a list for what is rare. The views say what analysts see.
 */
export const factKindNames = ['purchase', 'return', 'maturity', 'expiry', 'settlement', 'import', 'reconciliation'] as const;
export const factStatusNames = ['processed', 'ignored'] as const;
export const sourceTopicNames = ['interactive', 'internal', 'commands'] as const;

/** Holds integers up to 2^53-1 whatever its type in the table; on the wire the narrowest type that the block's values fit. */
export interface IntegerColumn { form: 'integer'; type: 'UInt8' | 'UInt16' | 'UInt32' | 'Int32' | 'Int64' }
/** Milliseconds since 1970, UTC. */
export interface MomentColumn { form: 'moment' }
/** One of a few words, by number. */
export interface ChoiceColumn { form: 'choice'; choices: readonly string[] }
export interface TextColumn { form: 'text' }
/** A text out of few: a dictionary in each block, and a number for each value. */
export interface NameColumn { form: 'name' }
export interface ListColumn { form: 'list'; columns: Record<string, ElementColumn> }
export type ElementColumn = IntegerColumn | TextColumn | NameColumn;
export type FactColumn = ElementColumn | MomentColumn | ChoiceColumn | ListColumn;

const integer = (type: IntegerColumn['type']): IntegerColumn => ({ form: 'integer', type });
const choice = (choices: readonly string[]): ChoiceColumn => ({ form: 'choice', choices });
const list = <C extends Record<string, ElementColumn>>(columns: C): { form: 'list'; columns: C } => ({ form: 'list', columns });
const moment: MomentColumn = { form: 'moment' };
const text: TextColumn = { form: 'text' };
const name: NameColumn = { form: 'name' };

/** Between the parts of a name that says several things; never in an id (the doors refuse control characters). */
export const PART_SEPARATOR = '\t';

export const factTable = {
  kind: choice(factKindNames),
  status: choice(factStatusNames),
  program: name,
  partner: name,
  id: text,
  original_id: text,
  account_partition: integer('UInt16'),
  /** -1: no account. The account's id is `${account_partition}.${account_number}`. */
  account_number: integer('Int64'),
  card: text,
  store: name,
  terminal: text,
  cashier: text,
  channel: name,
  merchant: name,
  mcc: name,
  currency: name,
  occurred_at: moment,
  processed_at: moment,
  total: integer('Int64'),
  points: integer('Int64'),
  rule_set: integer('UInt32'),
  reference: integer('UInt32'),
  source_topic: choice(sourceTopicNames),
  source_partition: integer('UInt16'),
  source_offset: integer('Int64'),
  source_index: integer('UInt32'),
  /** Number of the batch in its partition: the results record that brought this fact. */
  batch: integer('Int64'),
  line_texts: list({ sku: text, category: name, department: name, brand: name }),
  line_values: list({ line: integer('Int32'), kind: integer('UInt8'), quantity: integer('Int64'), amount: integer('Int64'), discount: integer('Int64'), points: integer('Int64') }),
  /** rule: place in ReferenceSet.rules ⇥ version ⇥ currency ⇥ id. */
  awards: list({ rule: name, points: integer('Int64') }),
  /** Of awards with counters only; award: place in `awards`. */
  counters: list({ award: integer('UInt16'), input: integer('Int64'), milestones: integer('Int32'), period: integer('Int64') }),
  /** award: place in `awards`; line: the line's number. Those of an award of 0 points on all lines of a purchase that earn are left out. */
  shares: list({ award: integer('UInt16'), line: integer('Int32'), points: integer('Int64') }),
  /** side: kind ⇥ balance ⇥ counter ⇥ currency ⇥ funder (names of workers/ledger/postings.ts). */
  postings: list({ side: name, points: integer('Int64'), award: integer('Int32'), expires: integer('Int32'), matures: integer('Int32') }),
} as const satisfies Record<string, FactColumn>;

/** The column's type in ClickHouse. */
export function clickhouseType(column: FactColumn): string {
  switch (column.form) {
    case 'integer': return column.type;
    case 'moment': return "DateTime64(3, 'UTC')";
    case 'choice': return `Enum8(${column.choices.map((word, number) => `'${word}' = ${number}`).join(', ')})`;
    case 'text': return 'String';
    case 'name': return 'LowCardinality(String)';
    case 'list': return `Array(Tuple(${Object.entries(column.columns).map(([element, form]) => `${element} ${clickhouseType(form)}`).join(', ')}))`;
  }
}
