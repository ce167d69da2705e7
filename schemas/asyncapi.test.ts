/** The description of the doors on Kafka is one (AsyncAPI's own schema), says what the engine takes, and what it writes. */
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { Packr } from 'msgpackr';
import t from 'tap';
import { recordBatch } from '../test/support/record-batch.js';
import { parseRecordBatch } from '../workers/parse/records.js';
import { asyncapiDocument as documentFor, partnerExamples, trustedExamples } from './asyncapi.js';

const asyncapiDocument = documentFor();
/** Schemas name formats and have keywords of their own; what they say of values is not the question here. */
const ajvOptions = { strict: false, validateFormats: false, allErrors: true };
const validatorOf = (name: keyof typeof asyncapiDocument.components.schemas): ReturnType<Ajv['compile']> => (
  new Ajv(ajvOptions).compile({ $ref: `#/components/schemas/${name}`, components: asyncapiDocument.components })
);

t.test('is AsyncAPI 3', async (t) => {
  const { schemasWithoutId: schemas } = createRequire(import.meta.url)('@asyncapi/specs') as { schemasWithoutId: Record<string, object> };
  const validate = new Ajv(ajvOptions).compile(schemas['3.0.0']!);
  const document = JSON.parse(JSON.stringify(asyncapiDocument)) as Record<string, unknown>;
  t.ok(validate(document), JSON.stringify(validate.errors, null, 1));
  t.notOk(validate({ ...document, channels: { commands: { adress: 'x' } } }), 'the schema bites');
  t.notOk(validate({ ...document, operations: { send: { action: 'post' } } }));
});

t.test('what it refers to is there', async (t) => {
  for (const [, place] of JSON.stringify(asyncapiDocument).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    t.ok(place!.split('/').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], asyncapiDocument), place);
  }
});

t.test('examples fit, and the router takes them', async (t) => {
  const packr = new Packr({ useRecords: false });
  for (const [name, examples] of [['PartnerRecord', partnerExamples], ['TrustedRecord', trustedExamples]] as const) {
    const validate = validatorOf(name);
    for (const example of examples) t.ok(validate(example), `${name} ${JSON.stringify(validate.errors)}`);
    const values = examples.flatMap((example) => [JSON.stringify(example), packr.pack(example)]), batch = recordBatch(0, values.map((value) => ({ value })));
    t.match(parseRecordBatch({ batch, from: 0, to: values.length, partner: 'grocer', gateway: '', partitions: 4, rejectedMax: 9 }), { records: values.length, rejected: [] });
  }
  t.notOk(validatorOf('PartnerRecord')({ ...(partnerExamples[0] as object), stor: '1' }), 'unknown fields are refused');
  t.notOk(validatorOf('TrustedRecord')(partnerExamples[0]), 'a trusted producer names the partner');
});
