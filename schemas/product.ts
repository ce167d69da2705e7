/** A row of a partner's products (PUT /v1/partners/{partner}/products, NDJSON), keyed by (partner, sku). */
import { identifier, optional, record, text, type TypeOf } from './fields.js';
import type { ProductDocument } from './reference.js';
import { validateDocument, type Problem } from './validate.js';

export const product = record({
  sku: identifier(),
  name: optional(text(512)),
  category: optional(identifier()),
  department: optional(identifier()),
  brand: optional(identifier()),
  manufacturer: optional(identifier()),
  gtin: optional(text(14, 'GS1 number.', { source: /^\d{8,14}$/, says: '8 to 14 digits' })),
}, 'A product of a partner. Unknown products earn without category.');

// The type that the engine works with and the table must agree; this line fails to compile when they don't.
export const productOf = (document: TypeOf<typeof product>): ProductDocument => document;

export function validateProduct(document: unknown): { ok: boolean; errors: Problem[] } {
  const errors = validateDocument(product, document);
  return { ok: errors.length === 0, errors };
}
