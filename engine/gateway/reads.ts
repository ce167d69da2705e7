/** What can be looked up: transactions, accounts, cards, entries, rejects. Balances are read behind everything that was accepted before. */
import type { FastifyInstance } from 'fastify';
import { reasons } from '../../schemas/reasons.js';
import { answerFromFact, type Balance } from '../../workers/answer.js';
import type { AccountView } from '../engine.js';
import { isEntryId } from '../entries.js';
import type { Caller } from '../keys.js';
import { isRejectedId } from '../rejected.js';
import { mayUsePartner } from './authenticate.js';
import type { GatewayContext } from './context.js';
import { operations } from './openapi.js';
import { Problem } from './problems.js';
import { pageParameters, readPage, readQuery } from './query.js';

/** How long a reader of entries waits for ClickHouse to have what was committed before. */
const SINK_WAIT_MS = 5000;
const reasonCodes = Object.keys(reasons);

export function readRoutes(app: FastifyInstance, context: GatewayContext): void {
  const { engine, config } = context;

  app.get<{ Params: { partner: string; id: string } }>('/v1/transactions/:partner/:id', { config: { scope: 'read' }, schema: operations.getTransaction }, async (request, reply) => {
    const { kind = 'purchase' } = readQuery(request, { kind: ['purchase', 'return'] });
    const { partner, id } = request.params;
    mayUsePartner(request.caller, partner);
    const found = await engine.findTransaction(partner, id, kind);
    if (found === undefined) throw new Problem('not-found', `partner ${partner} has no ${kind} ${id}`);
    if (found === 'waiting') return reply.code(202).send({ status: 'waiting' });
    const view = found.fact.account === '' ? undefined : await engine.readAccount(found.fact.account);
    // As the single POST answered; the balances are today's.
    return reply.type('application/json').send(answerFromFact(found.fact, 'processed', balancesOf(view)));
  });

  app.get<{ Params: { partner: string; id: string } }>(
    '/v1/transactions/:partner/:id/explanation', { config: { scope: 'read' }, schema: operations.explainTransaction }, async (request) => {
      readQuery(request, {});
      const { partner, id } = request.params;
      mayUsePartner(request.caller, partner);
      const explanation = await engine.explainPurchase(partner, id);
      if (explanation === undefined) throw new Problem('not-found', `partner ${partner} has no purchase ${id}`);
      return explanation;
    });

  app.get<{ Params: { account: string } }>('/v1/accounts/:account', { config: { scope: 'read' }, schema: operations.getAccount }, async (request) => {
    readQuery(request, {});
    return visible(await engine.readAccount(request.params.account), request.caller, context, `account ${request.params.account}`);
  });

  app.get<{ Params: { card: string } }>('/v1/cards/:card', { config: { scope: 'read' }, schema: operations.getCard }, async (request) => {
    const { program } = readQuery(request, { program: 'text' });
    const own = programOf(request.caller, context);
    if (own !== undefined && program !== undefined && program !== own) throw new Problem('forbidden', `the key belongs to program ${own}`);
    return visible(await engine.readCard(own ?? program ?? 'default', request.params.card), request.caller, context, `card ${request.params.card}`);
  });

  app.get<{ Params: { account: string } }>('/v1/accounts/:account/entries', { config: { scope: 'read' }, schema: operations.getEntries }, async (request) => {
    const page = readPage(readQuery(request, pageParameters), config.pageMax, isEntryId);
    const { account } = request.params;
    visible(await engine.readAccount(account), request.caller, context, `account ${account}`);
    // When ClickHouse is behind for longer the page is older than the balance, but never wrong.
    await engine.sinkCaughtUp(SINK_WAIT_MS);
    return context.queryEntries(account, { partner: request.caller.partner }, page);
  });

  app.get('/v1/rejected', { config: { scope: 'read' }, schema: operations.getRejected }, async (request) => {
    const { partner, reason, ...paging } = readQuery(request, { partner: 'text', reason: reasonCodes, ...pageParameters });
    if (partner !== undefined) mayUsePartner(request.caller, partner);
    return context.queryRejected({ partner: partner ?? request.caller.partner, reason }, readPage(paging, config.pageMax, (id) => isRejectedId(id, engine.partitions)));
  });
}

/** The program of a partner's key; undefined for the admin key, which sees all. */
function programOf(caller: Caller, { references }: GatewayContext): string | undefined {
  if (caller.partner === undefined) return undefined;
  return references.set.partners.find(({ id }) => id === caller.partner)?.document.program;
}

/** Programs don't see each other's accounts: what belongs to another one isn't there. */
function visible(view: AccountView | undefined, caller: Caller, context: GatewayContext, what: string): AccountView {
  const own = programOf(caller, context);
  if (view === undefined || (own !== undefined && view.program !== own)) throw new Problem('not-found', `there is no ${what}`);
  return view;
}

function balancesOf(view: AccountView | undefined): Record<string, Balance> {
  return Object.fromEntries(Object.entries(view?.balances ?? {}).map(([currency, { available, pending, held, debt }]) => [currency, { available, pending, held, debt }]));
}
