/**
 * The job in the plainest way, rule after rule, for nothing but agreement: what the engines make of a purchase, by the twenty rule documents (rules/twenty-rules.json) and by the
 * peers' Java, is compared with this.
 */
import type { Purchase } from './transactions.js';

const CAP = 5000, SPEND_STEP = 1_000_000;

export interface PlainAccount { balance: number; purchases: number; spend: number }

export class PlainJob {
  readonly accounts = new Map<string, PlainAccount>();

  /** The points that the purchase gets. */
  add({ card, partner, occurredAtMs, lines }: Omit<Purchase, 'number'>): number {
    let account = this.accounts.get(card);
    if (!account) this.accounts.set(card, (account = { balance: 0, purchases: 0, spend: 0 }));
    const total = lines.reduce((sum, { amount }) => sum + amount, 0), hour = new Date(occurredAtMs).getUTCHours();
    let points = Math.floor(total / 100) * (hour >= 14 && hour < 16 ? 2 : 1) * (partner % 7 === 0 ? 3 : 1); // 1, 12, 17
    for (const { category, quantity, amount } of lines) {
      for (let k = 1; k <= 10; k++) if (category === 3 * k) points += Math.floor((amount * k) / 100); // 2 to 11
      if (quantity >= 3) points += 50; // 16
    }
    if (total >= 300_000) points += 500; // 13
    if (++account.purchases % 3 === 0) points += 100; // 14
    if (account.purchases === 1) points += 200; // 15
    if (new Set(lines.map(({ category }) => category)).size >= 5) points += 75; // 18
    const before = Math.floor(account.spend / SPEND_STEP);
    account.spend += total;
    points += 1000 * (Math.floor(account.spend / SPEND_STEP) - before); // 19
    points = Math.min(CAP, points); // 20
    account.balance += points;
    return points;
  }
}
