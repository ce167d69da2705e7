/** The answer of a single POST as JSON text (its schema: engine/gateway/openapi.ts): what was decided and the balances after it. */
import type { FactRecord } from '../schemas/fact.js';
import { DAY_MS } from './calendar.js';
import type { Context } from './context.js';
import { lotsOf } from './ledger/ledger.js';
import { CellKind, cellA, cellKind, NEVER } from './ledger/cells.js';
import type { PartitionState } from './state/partition-state.js';
import type { Reference } from './reference.js';
import { Kind, Text } from './transaction.js';

/** Ids are chosen freely: `constructor` is one, too. */
const byId = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

export interface Balance { available: number; pending: number; held: number; debt: number }

function accountText(state: PartitionState, ordinal: number): string {
  return ordinal < 0 ? '' : `${state.partition}.${ordinal}`;
}

/** Balances of an account by currency id; each currency of its program is there. */
function balancesOf(state: PartitionState, reference: Reference, ordinal: number): Record<string, Balance> {
  const balances = byId<Balance>();
  const program = state.accounts.program(ordinal);
  const of = (currency: number): Balance => (balances[reference.set.currencies[currency]!.id] ??= { available: 0, pending: 0, held: 0, debt: 0 });
  reference.set.currencies.forEach((currency, i) => {
    if (currency.program === program && (currency.partner === undefined || i === reference.firstCurrency(program))) of(i);
  });
  state.accounts.forEach(ordinal, (key1, _key2, value) => {
    const kind = cellKind(key1);
    if (kind === CellKind.available) of(cellA(key1)).available += value;
    else if (kind === CellKind.pending) of(cellA(key1)).pending += value;
    else if (kind === CellKind.held) of(cellA(key1)).held += value;
    else if (kind === CellKind.debt) of(cellA(key1)).debt += value;
  });
  return balances;
}

/** Answer for the transaction in the context, right after its decision. */
export function answerOf(c: Context, ordinal: number): string {
  const { transaction: t, awards, reference, state } = c;
  const first = t.programOrdinal < 0 ? -1 : reference.firstCurrency(t.programOrdinal);
  let points = 0;
  const given = [];
  for (let i = 0; i < awards.count; i++) {
    if (awards.currency[i] === first) points += awards.points[i]!;
    if (awards.points[i] === 0) continue;
    const { document } = reference.set.rules[awards.rule[i]!]!;
    const lines = [];
    for (let j = awards.shareStart[i]!, end = j + awards.shareCount[i]!; j < end; j++) {
      if (t.lineCount > 0) lines.push({ line: t.lineNumber[awards.shareLine[j]!]!, points: awards.sharePoints[j]! });
    }
    given.push({ rule: document.id, version: document.version, currency: reference.set.currencies[awards.currency[i]!]!.id, points: awards.points[i]!, lines });
  }
  return JSON.stringify({
    status: 'processed', partner: t.string(Text.partner), id: t.string(Text.id), kind: t.kind === Kind.return ? 'return' : 'purchase',
    account: ordinal < 0 ? null : accountText(state, ordinal), points, awards: given, balances: ordinal < 0 ? {} : balancesOf(state, reference, ordinal),
  });
}

/** The same for a transaction that was decided earlier, from its fact. */
export function answerFromFact(fact: FactRecord, status: 'processed' | 'duplicate', balances: Record<string, Balance>): string {
  return JSON.stringify({
    status, partner: fact.partner, id: fact.id, kind: fact.kind, account: fact.account === '' ? null : fact.account, points: fact.points,
    awards: fact.awards.filter(({ points }) => points !== 0).map(({ rule, version, currency, points, shares }) => (
      { rule, version, currency, points, lines: fact.lines.length === 0 ? [] : shares }
    )),
    balances,
  });
}

/** The account as GET /v1/accounts shows it (engine/engine.ts AccountView). */
export function viewOf(c: Context, ordinal: number): object {
  const { state, reference } = c;
  const program = state.accounts.program(ordinal);
  const lots = byId<{ points: number; matures: string; expires: string | null; funder: string }[]>();
  const day = (number: number): string => new Date(number * DAY_MS).toISOString().slice(0, 10);
  for (const kind of [CellKind.available, CellKind.pending]) {
    for (const lot of lotsOf(c, ordinal, kind).sort((a, b) => a.expires - b.expires || a.matures - b.matures || a.funder - b.funder)) {
      (lots[reference.set.currencies[lot.currency]!.id] ??= []).push({
        points: lot.points, matures: day(lot.matures), expires: lot.expires === NEVER ? null : day(lot.expires), funder: reference.set.funders[lot.funder]!,
      });
    }
  }
  const balances = byId<object>();
  for (const [currency, balance] of Object.entries(balancesOf(state, reference, ordinal))) balances[currency] = { ...balance, lots: lots[currency] ?? [] };
  return {
    account: accountText(state, ordinal), program: reference.set.programs[program]!.id,
    cards: state.accounts.cardsOf(ordinal).map((text) => Buffer.from(text).toString('utf8')), balances,
  };
}
