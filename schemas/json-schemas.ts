/** The JSON Schemas of the records that are defined as tables, by the names they have in the OpenAPI description. A new record: one line. */
import { jsonSchema } from './fields.js';
import { partner } from './partner.js';
import { product } from './product.js';
import { program } from './program.js';
import { transaction } from './transaction.js';

export const jsonSchemas: Record<string, Record<string, unknown>> = {
  Transaction: jsonSchema(transaction),
  Program: jsonSchema(program),
  Partner: jsonSchema(partner),
  Product: jsonSchema(product),
};
