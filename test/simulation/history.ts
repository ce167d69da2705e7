/**
 * Plays a random history (history-arbitrary.ts) on a bench: makes documents of its acts, lets time pass, posts. What is posted depends on the
 * history and on what the bench answers to reads, never on how the bench works.
 */
import type { TransactionDocument } from '../../schemas/transaction.js';
import { world as shopWorld } from '../rules/arbitrary-fixture.js';
import type { Bench } from './bench.js';
import { cards, type Act, type History, type Who, type World } from './history-arbitrary.js';

export const startMs = Date.parse('2026-03-06T09:00:00Z');
const MINUTE_MS = 60_000, DAY_MS = 86_400_000;

export interface PlayerOptions {
  /** What a bench does between acts. */
  work(act: Extract<Act, { act: 'work' }>): void;
  /** Around acts whose place among the transactions matters, and which go another way through the log. */
  barrier?(): void;
  /** Posts one request; as one request when not given. */
  post?(documents: TransactionDocument[]): void;
}

/** What a history is played on: a bench, or a recorder for the simulation. */
export interface Stage extends Pick<Bench, 'nowMs' | 'partitions' | 'publish' | 'append' | 'command' | 'account' | 'homeOf'> {
  locate(): void;
  post(documents: TransactionDocument[]): void;
}

type Products = NonNullable<typeof shopWorld.products>;
/** What a catalog says later: other departments and brands, some categories, and one product less. Returns of what was bought before say what it said then. */
const laterProducts: Products = Object.fromEntries(Object.entries(shopWorld.products!).map(([id, list]) => (
  [id, list.slice(1).map((product, i) => ({ ...product, department: 'later', brand: `later ${i}`, ...(i % 3 === 0 && { category: list[0]!.category! }) }))]
)));

export class Player {
  /** What was posted, in order; purchases have ids p0, p1 …, so that a return may name one to come. */
  readonly posted: TransactionDocument[] = [];
  private readonly purchases: TransactionDocument[] = [];
  private pending: TransactionDocument[] = [];
  private returns = 0;

  constructor(private readonly bench: Stage, private readonly world: World, private readonly options: PlayerOptions) {}

  play({ acts }: Pick<History, 'acts'>): void {
    this.prepare();
    for (const act of acts) this.perform(act);
    this.barrier();
  }

  prepare(): void {
    const { bench, world } = this;
    bench.publish((store) => store.putProgram('default', world.program));
    bench.publish((store) => store.putProgram('second', { name: 'Second', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 1 }] }));
    for (const [id, document] of Object.entries(world.partners)) bench.publish((store) => store.putPartner(id, document));
    this.publishProducts(shopWorld.products!);
    this.publish(world.rules);
    this.barrier();
  }
  perform(act: Act): void {
    const { bench } = this;
    switch (act.act) {
      case 'buy': return this.send(this.purchase(act), act.together);
      case 'return': return this.send(this.giveBack(act), act.together);
      case 'repeat': {
        const document = this.earlier(act.of);
        return document && this.send(changed(document, act.change), act.together);
      }
      case 'broken': return this.send(this.broken(act.how), act.together);
      case 'foreign': {
        const document = this.earlier(act.of);
        if (!document) return;
        this.barrier();
        const next = { ...document, id: `f${this.posted.length}` };
        this.posted.push(next);
        bench.append([{ topic: 'commands', partition: act.partition % bench.partitions, value: Buffer.from(JSON.stringify(next)) }]);
        return this.barrier();
      }
      case 'pass':
        this.flush();
        bench.nowMs += act.minutes * MINUTE_MS;
        return;
      case 'work':
        this.flush();
        return this.options.work(act);
      case 'publish':
        this.barrier();
        this.publish(this.world.later);
        this.publishProducts(laterProducts);
        return this.barrier();
      case 'zones': {
        const { program, partners: { shop } } = this.world, { stores: _left, ...bare } = shop!;
        this.barrier();
        bench.publish((store) => store.putProgram('default', { ...program, timeZone: act.program }));
        bench.publish((store) => store.putPartner('shop', { ...bare, timeZone: act.shop, ...(act.store && { stores: [{ id: 's1', timeZone: act.store }, { id: 's2' }] }) }));
        return this.barrier();
      }
      case 'locate':
        this.barrier();
        bench.locate();
        return this.barrier();
      case 'tick':
        this.barrier();
        for (let partition = 0; partition < bench.partitions; partition++) bench.command(partition, { type: 'tick' });
        return this.barrier();
      case 'import': {
        this.barrier();
        const { day } = this;
        const lots = act.lots.map((lot) => ({
          ...lot, matures: lot.matures === 0 ? 0 : day + lot.matures - 10, expires: lot.expires < 0 ? -1 : day + lot.expires - 5,
        }));
        const account = { index: 0, id: 'a', program: 'default', cards: act.cards.map((card) => cards[card]!), registered: act.registered, lots };
        bench.command(bench.homeOf(account.cards[0]!), { type: 'import', partner: 'shop', gateway: 'bench', request: 7, accounts: [account] });
        return this.barrier();
      }
      case 'reconcile': {
        const document = this.purchases[act.of];
        if (!document) return;
        this.barrier();
        const [partition, first] = [act.partition % bench.partitions, (act.partition + 1) % bench.partitions];
        bench.command(partition, { type: 'reconcile', partner: document.partner, id: document.id, kind: 'purchase', first });
        return this.barrier();
      }
    }
  }
  /** Posts what was gathered, as one request. */
  flush(): void {
    if (this.pending.length === 0) return;
    const documents = this.pending.splice(0);
    if (this.options.post) this.options.post(documents);
    else this.bench.post(documents);
  }
  private barrier(): void {
    this.flush();
    this.options.barrier?.();
  }

  private get day(): number {
    return Math.floor(this.bench.nowMs / DAY_MS);
  }
  private publish(rules: World['rules']): void {
    this.bench.publish((store) => store.putRules({ rules: [...rules, { id: 'far', version: 1, program: 'second', award: { kind: 'percent', percent: 50 } }] }));
  }
  private publishProducts(products: Products): void {
    for (const [id, list] of Object.entries(products)) this.bench.publish((store) => store.putProducts(id, Buffer.from(list.map((product) => JSON.stringify(product)).join('\n'))));
  }
  private send(document: TransactionDocument, together: boolean): void {
    this.posted.push(document);
    this.pending.push(document);
    if (!together) this.flush();
  }
  private earlier(of: number): TransactionDocument | undefined {
    return this.posted.length === 0 ? undefined : this.posted[of % this.posted.length];
  }
  private purchase({ purchase, who, ageMinutes, far }: Extract<Act, { act: 'buy' }>): TransactionDocument {
    const document = {
      id: `p${this.purchases.length}`, kind: 'purchase', partner: 'shop', currency: 'EUR', ...purchase, ...(far ? { partner: 'far' } : {}), ...this.whose(who),
      occurredAt: this.before(ageMinutes),
    } as TransactionDocument;
    this.purchases.push(document);
    return document;
  }
  private giveBack({ of, quarters, strange, currency, who, ageMinutes, id }: Extract<Act, { act: 'return' }>): TransactionDocument {
    // Now and then one that comes later, or never.
    const number = of % 8 === 0 ? this.purchases.length + (of % 4) : of % Math.max(1, this.purchases.length);
    const bought = this.purchases[number];
    const { card, account } = bought ?? {};
    const lines = bought?.lines?.flatMap(({ quantity, amount }, i) => {
      const part = quarters?.[i] ?? 0, thousandths = Math.floor((quantity * 1000 * part) / 4);
      const back = { line: i + 1, quantity: thousandths / 1000, amount: Math.floor((Math.max(0, amount) * part) / 4) };
      return back.quantity === 0 && back.amount === 0 ? [] : [back];
    }) ?? [];
    if (strange) lines.push({ line: 77, quantity: 1, amount: 1 });
    // Of a purchase with lines only a total that is all of it is taken.
    const whole = bought?.total ?? bought?.lines?.reduce((sum, { amount }) => sum + amount, 0) ?? 0, total = quarters ? Math.floor((whole * quarters[0]!) / 4) : 0;
    return {
      id: `r${id ?? this.returns++}`, kind: 'return', partner: bought?.partner ?? 'shop', occurredAt: this.before(ageMinutes), original: { id: `p${number}` },
      ...(who === 'same' ? { ...(card === undefined ? {} : { card }), ...(account === undefined ? {} : { account }) } : this.whose(who)),
      ...(currency === undefined ? {} : { currency }),
      ...(quarters && lines.length > 0 ? { lines } : total > 0 ? { total } : {}),
    };
  }
  private broken(how: 'partner' | 'program'): TransactionDocument {
    const document: TransactionDocument = {
      id: `b${this.posted.length}`, kind: 'purchase', partner: 'shop', card: cards[0]!, currency: 'EUR', occurredAt: this.before(1), total: 100,
    };
    return how === 'partner' ? { ...document, partner: 'nobody' } : { ...document, program: 'second' };
  }
  private before(minutes: number): string {
    return new Date(this.bench.nowMs - minutes * MINUTE_MS).toISOString();
  }
  private whose(who: Who): { card?: string; account?: string } {
    if (who === 'nobody') return {};
    if (who === 'stranger') return { account: '0.77' };
    if ('card' in who) return { card: cards[who.card]! };
    this.barrier();
    return { account: this.bench.account('default', cards[who.accountOf]!)?.account ?? '1.99' };
  }
}

function changed(document: TransactionDocument, change: 'nothing' | 'content' | 'card'): TransactionDocument {
  if (change === 'content') return { ...document, cashier: 'another' };
  if (change === 'nothing' || document.account !== undefined) return document;
  return { ...document, card: cards[(cards.indexOf(document.card ?? '') + 1) % cards.length]! };
}
