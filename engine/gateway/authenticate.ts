/**
 * Who calls, and whether they may: `authorization: Bearer KEY`, the scope that the route names, the quota of the key. Runs before a byte of the body is read, so a
 * request that fails here leaves nothing behind.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller, Keys, PartnerScope } from '../keys.js';
import { Problem, retryAfter } from './problems.js';

declare module 'fastify' {
  interface FastifyRequest { caller: Caller }
  interface FastifyContextConfig {
    /** What a key needs: `admin`, `verify` (also the operator's key), or a partner's scope. The admin key has them all. Absent: open to everyone. */
    scope?: 'admin' | 'verify' | PartnerScope;
  }
}

const MINUTE_MS = 60_000;

export function authenticate(app: FastifyInstance, keys: Keys, quotaPerMinute: number): void {
  const quota = quotaPerMinute > 0 ? new Quota(quotaPerMinute) : undefined;
  // Fastify wants decorated requests to start with a value; routes without scope never look at it.
  app.decorateRequest('caller', null as unknown as Caller);
  app.addHook('onRequest', async (request, reply) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) return;
    request.caller = find(request, keys);
    if (quota !== undefined) quota.take(request.caller.digest, reply);
    const { scopes } = request.caller;
    if (!scopes.has('admin') && !scopes.has(scope)) {
      throw new Problem('forbidden', scope === 'admin' ? 'this needs the admin key' : `the key does not have the scope ${scope}`);
    }
  });
}

/** A partner's key reaches that partner's data only. */
export function mayUsePartner(caller: Caller, partner: string): void {
  if (caller.partner !== undefined && caller.partner !== partner) throw new Problem('other-partner', `the key belongs to partner ${caller.partner}`);
}

function find(request: FastifyRequest, keys: Keys): Caller {
  const [, key] = /^bearer +([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const caller = key === undefined ? undefined : keys.find(key);
  if (caller !== undefined) return caller;
  const detail = request.headers.authorization === undefined ? 'send the header authorization: Bearer KEY' : 'the key is not known';
  throw new Problem('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer realm="pointstream"' } });
}

/** Requests of each key in windows of a minute; headers as in the IETF draft "RateLimit header fields for HTTP". Holds one number per known key. */
class Quota {
  private readonly used = new Map<string, number>();
  private window = 0;

  constructor(private readonly perMinute: number) {}

  take(digest: string, reply: FastifyReply): void {
    const now = Date.now();
    const window = Math.floor(now / MINUTE_MS);
    if (window !== this.window) {
      this.window = window;
      this.used.clear();
    }
    const used = (this.used.get(digest) ?? 0) + 1;
    this.used.set(digest, used);
    const secondsLeft = Math.ceil(((window + 1) * MINUTE_MS - now) / 1000);
    const remaining = Math.max(0, this.perMinute - used);
    reply.headers({ 'ratelimit-policy': `"key";q=${this.perMinute};w=60`, ratelimit: `"key";r=${remaining};t=${secondsLeft}` });
    if (used > this.perMinute) throw new Problem('quota', `${this.perMinute} requests a minute`, { headers: retryAfter(secondsLeft) });
  }
}
