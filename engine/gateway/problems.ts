/**
 * RFC 9457 problems: every code that an answer of the API can carry stands here or in schemas/reasons.ts, and nowhere else. `type` is `/problems/CODE`, which
 * the gateway also serves as a page; codes are stable, partners program against them.
 */
import type { FastifyReply } from 'fastify';
import { withoutPaymentCards } from '../../schemas/payment-card.js';
import { reasons, type Reason } from '../../schemas/reasons.js';

/** What a door itself can say; what is wrong with a transaction is said by its reason. */
export const doorProblems = {
  'bad-request': { status: 400, title: 'The request cannot be understood' },
  unauthorized: { status: 401, title: 'No key, or a key that is not known' },
  forbidden: { status: 403, title: 'The key may not do this' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'The method does not fit the address' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The content type or encoding is not supported' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  quota: { status: 429, title: 'The quota of this key is used up' },
  busy: { status: 429, title: 'More is waiting than the bound allows' },
  internal: { status: 500, title: 'A bug; it has been logged' },
  unavailable: { status: 503, title: 'Not ready; try again' },
} as const;
export type DoorCode = keyof typeof doorProblems;
export type ProblemCode = DoorCode | Reason;

export interface ProblemError { pointer: string; reason: string; detail?: string; hint?: string }

export function describeProblem(code: ProblemCode): { status: number; title: string; hint?: string } {
  if (code in doorProblems) return doorProblems[code as DoorCode];
  const about = reasons[code as Reason], { status, text, hint } = about;
  return { status, title: 'title' in about ? about.title : text, hint };
}

/** The first error, and how many more there are. */
export const summary = (errors: ProblemError[]): string =>
  `${errors[0]!.pointer === '' ? '' : `${errors[0]!.pointer}: `}${errors[0]!.detail}${errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`}`;

/** Thrown by routes; becomes the answer. */
export class Problem extends Error {
  readonly status: number;
  /** Also what is said of an address (`/v1/cards/…`) doesn't repeat the number of a payment card. */
  readonly detail: string;
  constructor(
    readonly code: ProblemCode,
    detail: string,
    readonly more: { errors?: ProblemError[]; headers?: Record<string, string>; status?: number } = {},
  ) {
    super(withoutPaymentCards(detail));
    this.detail = this.message;
    this.status = more.status ?? describeProblem(code).status;
  }

  body(): string {
    const { title } = describeProblem(this.code);
    return JSON.stringify({ type: `/problems/${this.code}`, title, status: this.status, detail: this.detail, errors: this.more.errors });
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  // As bytes: to a text Fastify would add a charset, which JSON doesn't have.
  return reply.code(problem.status).headers(problem.more.headers ?? {}).header('content-type', 'application/problem+json').send(Buffer.from(problem.body()));
}

export const retryAfter = (seconds: number): Record<string, string> => ({ 'retry-after': String(Math.max(1, Math.ceil(seconds))) });
