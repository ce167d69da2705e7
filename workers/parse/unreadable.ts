/**
 * Why a value can't be read, thrown from however deep the reader is. No Error: it never leaves readValue, and a broken body holds a hundred thousand of them, each of which would have its stack
 * captured.
 */
import type { Reason } from '../../schemas/reasons.js';

/** A value as a tree, or what is wrong with it. */
export type Tree =
  | { ok: true; value: unknown; next: number; /** pointers of fields that are given twice */ duplicates: string[] }
  | { ok: false; reason: Reason; detail: string; position: number };

/** What reads trees: `at` is where it stands. */
interface Reader { readonly at: number; readonly duplicates: string[]; value(parent: string, name: string, depth: number): unknown }

export class Unreadable {
  constructor(readonly reason: 'malformed' | 'invalid', readonly detail: string, readonly position: number) {}
}

/** The value that begins at `start`, where the reader stands. Positions count from there. */
export function readValue(reader: Reader, start: number): Tree {
  try {
    const value = reader.value('', '', 0);
    return { ok: true, value, next: reader.at, duplicates: reader.duplicates };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, reason: error.reason, detail: error.detail, position: error.position - start };
    throw error;
  }
}
