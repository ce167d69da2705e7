/** Query strings: known names only, typed values, paging. What is wrong is a problem with its place, like everything else that comes in. */
import type { FastifyRequest } from 'fastify';
import { nearestName } from '../../schemas/validate.js';
import type { PageQuery } from './context.js';
import { Problem } from './problems.js';

/** A list of choices, or any text. */
type Parameter = readonly string[] | 'text';
type Values<S extends Record<string, Parameter>> = { [N in keyof S]?: S[N] extends readonly (infer C)[] ? C : string };

const TEXT_LENGTH_MAX = 256;
const PAGE_DEFAULT = 100;

export function readQuery<const S extends Record<string, Parameter>>(request: FastifyRequest, parameters: S): Values<S> {
  const query = request.query as Record<string, string | string[]>;
  const known = Object.keys(parameters);
  for (const [name, value] of Object.entries(query)) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (parameter === undefined) {
      const meant = nearestName(name, known);
      throw new Problem('bad-request', `unknown query parameter ${name}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
    }
    if (typeof value !== 'string' || value === '' || value.length > TEXT_LENGTH_MAX) throw new Problem('bad-request', `${name}: give one value of at most ${TEXT_LENGTH_MAX} characters`);
    if (parameter !== 'text' && !parameter.includes(value)) throw new Problem('bad-request', `${name}: ${value} is not one of ${parameter.join(', ')}`);
  }
  return query as Values<S>;
}

export const pageParameters = { limit: 'text', starting_after: 'text' } as const;

/** `isId`: whether the list gives such ids; they stay usable when what they named is gone. */
export function readPage(values: { limit?: string; starting_after?: string }, pageMax: number, isId: (id: string) => boolean): PageQuery {
  const limit = values.limit === undefined ? Math.min(PAGE_DEFAULT, pageMax) : Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > pageMax) throw new Problem('bad-request', `limit: ${values.limit} is not an integer from 1 to ${pageMax}`);
  const { starting_after: startingAfter } = values;
  if (startingAfter !== undefined && !isId(startingAfter)) {
    throw new Problem('bad-request', `starting_after: ${startingAfter} is no id of this list; give the id of the last item that you have, or leave it out to begin at the start`);
  }
  return { limit, ...(startingAfter === undefined ? {} : { startingAfter }) };
}
