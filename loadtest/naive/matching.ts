/**
 * Steps 2 and 3 of docs/calculation.md: which version of a rule is valid, whether a receipt is one for it, and which lines it matches.
 */
import type { LineMatch, RuleDocument } from '../../schemas/reference.js';
import { clockTimeMs, localDay, localTimeMs, weekdayNames, weekdayOf } from './calendar.js';
import { holds, lineContext, transactionContext, type ConditionContext } from './conditions.js';
import type { EnrichedLine, NaiveReference, RuleVersion } from './reference.js';
import type { NaiveTransaction } from './transaction.js';

/** The zones in which a purchase was made and counted; later ones of its store, partner and program change nothing about it. */
export interface Zones { store: string; program: string }

/**
 * A receipt as the rules see it: the purchase, or what returns left of it. `lines` are those that were given, `counted` those that earn: a receipt
 * that only states its total counts as one line.
 */
export class Receipt {
  /** What a rule without `lines` matches. */
  readonly whole: Match | undefined;
  private seen: ConditionContext | undefined;

  constructor(
    readonly transaction: NaiveTransaction, readonly zones: Zones, readonly total: number, readonly lines: EnrichedLine[],
    readonly counted = lines.length > 0 ? lines : [totalAsLine(total)],
  ) {
    this.whole = matchOf(counted);
  }

  static of(reference: NaiveReference, transaction: NaiveTransaction): Receipt {
    return new Receipt(transaction, reference.zonesOf(transaction), transaction.total ?? 0, reference.enrich(transaction));
  }
  /** What conditions see of it. */
  context(reference: NaiveReference): ConditionContext {
    return (this.seen ??= transactionContext(this.transaction, this.lines, this.total, this.zones.store, reference.moneyOf(this.transaction)));
  }
}
const totalAsLine = (total: number): EnrichedLine =>
  ({ line: 1, kind: 'product', sku: '', quantity: 1000, amount: total, discount: 0, category: '', department: '', brand: '' });

// ── step 2: candidates ──

export const validVersion = (versions: RuleVersion[], atMs: number): RuleVersion | undefined => versions.find(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs);

/** The matched lines that earn, and the sum of all that matched. */
export interface Match { earning: EnrichedLine[]; base: number }

export function matches(reference: NaiveReference, version: RuleVersion, receipt: Receipt): Match | undefined {
  const { document } = version;
  return inScope(document, receipt.transaction) && inSchedule(document, receipt) ? matchesStill(reference, version, receipt) : undefined;
}

/** The same for what returns left of a receipt that the rule fired for: scope and schedule stay as then. */
export function matchesStill(reference: NaiveReference, { document }: RuleVersion, receipt: Receipt): Match | undefined {
  const match = matchedLines(document, receipt);
  if (!match || document.condition === undefined) return match;
  return holds(document.condition, receipt.context(reference)) ? match : undefined;
}

function inScope({ scope }: RuleDocument, transaction: NaiveTransaction): boolean {
  return (!scope?.partners || scope.partners.includes(transaction.partner))
    && (!scope?.stores || scope.stores.includes(transaction.store))
    && (!scope?.channels || scope.channels.includes(transaction.channel));
}

function inSchedule({ schedule }: RuleDocument, { transaction, zones }: Receipt): boolean {
  if (!schedule) return true;
  const named = schedule.zone ?? 'store', zone = named === 'store' || named === 'program' ? zones[named] : named;
  const timeMs = localTimeMs(zone, transaction.occurredAtMs);
  const fromMs = clockTimeMs(schedule.from ?? '00:00'), toMs = clockTimeMs(schedule.to ?? '24:00');
  const wraps = fromMs > toMs;
  if (wraps ? timeMs < fromMs && timeMs >= toMs : timeMs < fromMs || timeMs >= toMs) return false;
  if (!schedule.weekdays) return true;
  const day = localDay(zone, transaction.occurredAtMs);
  const beganOn = wraps && timeMs < toMs ? day - 1 : day;
  return schedule.weekdays.includes(weekdayNames[weekdayOf(beganOn)]!);
}

// ── step 3: matched lines ──

function matchedLines({ lines: match }: RuleDocument, receipt: Receipt): Match | undefined {
  return match ? matchOf(receipt.counted.filter((line) => fitsAll(line, match, receipt.lines.length > 0))) : receipt.whole;
}
function matchOf(matched: EnrichedLine[]): Match | undefined {
  const sum = matched.reduce((total, line) => total + line.amount, 0);
  const earning = matched.filter((line) => line.amount > 0 && line.quantity > 0);
  return earning.length === 0 || sum <= 0 ? undefined : { earning, base: sum };
}

function fitsAll(line: EnrichedLine, match: NonNullable<RuleDocument['lines']>, given: boolean): boolean {
  const { skus, categories, brands, departments, exclude, condition } = match;
  if ((skus || categories || brands || departments) && !fits(line, match)) return false;
  if (exclude && fits(line, exclude)) return false;
  return condition === undefined || (given && holds(condition, lineContext(line)));
}

function fits(line: EnrichedLine, { skus, categories, brands, departments }: LineMatch): boolean {
  const listed = (texts: string[] | undefined, text: string): boolean => text !== '' && texts !== undefined && texts.includes(text);
  return listed(skus, line.sku) || listed(categories, line.category) || listed(brands, line.brand) || listed(departments, line.department);
}

/** The base amount of a rule on a receipt, 0 when it does not match. */
export const baseAmount = (version: RuleVersion, receipt: Receipt): number => matchedLines(version.document, receipt)?.base ?? 0;
