/**
 * What a record of an input topic holds. The first byte tells:
 *
 *   0xC1 0x01   envelope of transactions of one partition (the gateway's work):  header, then `count` transactions
 *               header      = MessagePack array [gateway: text, request: integer (0: nobody waits), detailed: boolean, count: integer]
 *               transaction = MessagePack array by position, trailing nils left out:
 *                 [index, kind (0 purchase, 1 return), occurredAtMs, total|nil, id, partner, program|nil, store|nil, terminal|nil, cashier|nil, channel|nil,
 *                  card|nil, account|nil, currency|nil, mcc|nil, merchant|nil, originalId|nil, lines|nil, tenders|nil, coupons|nil]
 *                 line      = [sku|nil, quantity in thousandths, amount, discount, line number (0: its position), kind (0 product, 1 deposit,
 *                              2 discount), category|nil], trailing nils and zeros left out
 *                 tenders   = array of [kind, amount, redemption|nil];  coupons = array of texts
 *   0xC1 0x02   a command of the engine: one MessagePack map {type, …} (schemas/commands.ts)
 *   '{' '['     one transaction, or an array of them, as JSON of the contract (a trusted producer's record)
 *   otherwise   one transaction as a MessagePack map with the contract's names, or a MessagePack array of such maps
 *
 * 0xC1 is the one byte that MessagePack never uses.
 */
export const ENVELOPE_MARK = 0xc1;
export const ENVELOPE_TRANSACTIONS = 1;
export const ENVELOPE_COMMAND = 2;

export interface EnvelopeHeader { gateway: string; request: number; detailed: boolean; count: number }

/** One answer of a shard for one record that somebody waits for. `answer` is the JSON text of the single POST's answer, when the envelope asked for details. */
export interface Reply {
  gateway: string;
  request: number;
  accepted: number;
  duplicates: number;
  rejected: number;
  /** Everything that was not simply accepted, by index in the request. */
  items: ReplyItem[];
  answer?: string;
  /** Set for a detailed duplicate: the answer is the first one, read again from its fact. */
  again?: { /** that knows it; the same id may have been posted under another home too */ partition: number; partner: string; id: string; kind: 'purchase' | 'return' };
}
/** `hint`: of accounts that are imported; for what else is refused, its reason has one. */
export interface ReplyItem { index: number; id: string; status: 'duplicate' | 'rejected' | 'waiting'; reason?: string; pointer?: string; detail?: string; hint?: string }
