/**
 * How the publishing of reference data fails: with everything that is wrong, each with its place. Nothing is published then.
 */
import { nearestName, problem, shown, type Problem } from '../../schemas/validate.js';

export class PublishError extends Error {
  /** 422: invalid, 409: it is there already with other content, 404: what it belongs to does not exist. */
  constructor(readonly status: 404 | 409 | 422, readonly errors: readonly Problem[]) {
    super(errors.map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer}: ${detail}`)).join('; ') || 'not published');
  }
}

export function refuseIf(errors: readonly Problem[], status: 404 | 409 | 422 = 422): void {
  if (errors.length > 0) throw new PublishError(status, errors);
}

/** A name that does not exist, with the nearest one that does. */
export function unknownName(pointer: string, what: string, written: string, known: readonly string[], hint?: string): Problem {
  const near = nearestName(written, known), told = near === undefined ? hint ?? knownNames(what, known) : `Did you mean ${shown(near)}?`;
  return problem(pointer, 'invalid', `there is no ${what} ${shown(written)}`, told);
}
const NAMES_SHOWN_MAX = 20;
const knownNames = (what: string, known: readonly string[]): string =>
  known.length === 0 ? `There is no ${what} yet.` : `Known: ${known.slice(0, NAMES_SHOWN_MAX).join(', ')}${known.length > NAMES_SHOWN_MAX ? ' …' : ''}.`;
