/** The JSON Schemas of the records that are defined as tables, by the names they have in the OpenAPI description. A new record: one line. */
import { partnerFields, productFields, programFields } from './documents.js';
import { jsonSchema } from './fields.js';
import { transaction } from './transaction.js';

export const jsonSchemas: Record<string, Record<string, unknown>> = {
  Transaction: jsonSchema(transaction),
  Program: jsonSchema(programFields),
  Partner: jsonSchema(partnerFields),
  Product: jsonSchema(productFields),
};
