/**
 * An item that parsing refuses: what is known of it, what is wrong, and its text as it will be kept and shown to the partner: with stars for the digits of what looks like the number
 * of a payment card, whatever the reason. All texts that are kept are made here (`cutText`).
 */
import { CARD_CHARACTERS_MAX, holdsPaymentCard, withoutPaymentCards } from '../../schemas/payment-card.js';
import type { Reason } from '../../schemas/reasons.js';
import { problem, type Problem } from '../../schemas/validate.js';
import { Kind, Text, type Transaction } from '../transaction.js';
import { identityOf } from './fill.js';
import type { ItemFormat, Items } from './items.js';

export interface RejectedItem {
  index: number;
  /** As far as they are known, else ''. */
  id: string;
  partner: string;
  kind: string;
  /** The first problem … */
  reason: Reason;
  pointer: string;
  detail: string;
  hint: string;
  /** … and all of them. */
  errors: Problem[];
  /** The item as JSON text, cut to INPUT_BYTES_MAX; '' when there is none. */
  input: string;
}

export const INPUT_BYTES_MAX = 16 << 10;

/** The item that `items` has read last, from `bytes`. */
export function rejectedItem(index: number, problems: readonly Problem[], items: Items, t: Transaction, bytes: Uint8Array, format: ItemFormat): RejectedItem {
  const kind = Object.keys(Kind)[t.kind]!;
  const identity = items.isRead ? { id: t.string(Text.id), partner: t.string(Text.partner), kind } : identityOf(items.value);
  return { index, ...identity, ...whatIsWrong(problems), input: inputText(items, bytes, format) };
}

/** Bytes of which no item can be told. */
export function unreadableItem(index: number, detail: string, input: string): RejectedItem {
  return { index, id: '', partner: '', kind: '', ...whatIsWrong([problem('', 'malformed', detail)]), input };
}

function whatIsWrong(problems: readonly Problem[]): Pick<RejectedItem, 'reason' | 'pointer' | 'detail' | 'hint' | 'errors'> {
  const [{ reason, pointer, detail, hint }] = problems as [Problem];
  return { reason, pointer, detail, hint, errors: [...problems] };
}

/** The item as text, cut; of MessagePack as JSON, of what can't be decoded nothing. */
function inputText({ itemStart, itemEnd, value }: Items, bytes: Uint8Array, format: ItemFormat): string {
  if (format !== 'msgpack') return cutText(bytes.subarray(itemStart, itemEnd));
  if (value === undefined) return '';
  return cutText(Buffer.from(JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each))));
}

/** Whether the transaction names this partner, in UTF-8. */
export function isOf({ text, bytes }: Transaction, partner: Uint8Array): boolean {
  const start = text[2 * Text.partner]!, length = text[2 * Text.partner + 1]!;
  if (length !== partner.length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== partner[i]) return false;
  return true;
}
/** What says for which partner an item must be; `request`: its parameter `partner`. */
export const otherPartner = (what: 'key' | 'topic' | 'request', partner: string): Problem =>
  problem('/partner', 'other-partner', `the ${what} ${what === 'request' ? 'is for' : 'belongs to'} partner ${JSON.stringify(partner)}`);

/** The text that is kept of an input: its beginning, without numbers of payment cards, also of one that the cut goes through. */
export function cutText(bytes: Uint8Array): string {
  if (!holdsPaymentCard(bytes, INPUT_BYTES_MAX)) return decoded(bytes);
  return decoded(Buffer.from(withoutPaymentCards(new TextDecoder().decode(bytes.subarray(0, INPUT_BYTES_MAX + CARD_CHARACTERS_MAX)))));
}
const decoded = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(0, INPUT_BYTES_MAX)).trimEnd();
