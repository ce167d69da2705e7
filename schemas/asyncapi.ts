/**
 * The description of the doors on Kafka, AsyncAPI 3, from the same tables of fields as the OpenAPI description: partners' own topics, `commands` for trusted producers, and the dead
 * letters of both. `npm run generate` writes schemas/asyncapi.yaml. It describes; records are checked where they are read (workers/parse).
 */
import { jsonSchemas } from './json-schemas.js';
import { reasons } from './reasons.js';

type Schema = Record<string, unknown>;
const ref = (place: string): Schema => ({ $ref: `#/${place}` });
const schema = (name: string): Schema => ref(`components/schemas/${name}`);

const transaction = jsonSchemas.Transaction as { required: string[] } & Schema;
const unnamed: Schema = { ...transaction, required: transaction.required.filter((name) => name !== 'partner') };

const purchase = { id: 'r-1', kind: 'purchase', card: '2000001', occurredAt: '2025-06-01T10:15:00+02:00', currency: 'EUR', lines: [{ sku: '4711', quantity: 2, amount: 398 }] };
const giveBack = { id: 'b-1', kind: 'return', occurredAt: '2025-06-02T09:00:00+02:00', original: { id: 'r-1' } };
/** Of partners' topics; the partner may be named, too. */
export const partnerExamples = [purchase, [purchase, giveBack]];
/** Keyed by the card. */
export const trustedExamples = [{ ...purchase, partner: 'grocer' }];

const kafka = (key: Schema): Schema => ({ kafka: { key, bindingVersion: '0.5.0' } });
const anyKey = { type: 'string', description: 'Not looked at: records may be partitioned in any way.' };
const homeKey = {
  type: 'string',
  description: "The card, else the account, else PARTNER:ID, where ID is the return's original; with Kafka's default partitioner (murmur2). What is in another partition is taken too, one hop later.",
};
const originKey = { type: 'string', pattern: '^[^/]+/\\d+/\\d+/\\d+$', description: 'TOPIC/PARTITION/OFFSET/ITEM: where it came from. What was posted by HTTP has none.' };

function messages(payload: string, key: Schema, examples: unknown[]): Record<string, Schema> {
  const told = 'Told by its first byte; a content-type header is not looked at.';
  return {
    json: { contentType: 'application/json', summary: `JSON, UTF-8. ${told}`, payload: schema(payload), bindings: kafka(key), examples: examples.map((example) => ({ payload: example })) },
    msgpack: { contentType: 'application/msgpack', summary: `MessagePack, maps with the same names. ${told}`, payload: schema(payload), bindings: kafka(key) },
  };
}

const operation = (action: 'receive' | 'send', channel: string, summary: string, description: string): Schema => ({ action, channel: ref(`channels/${channel}`), summary, description });

/** `prefix`: of the engine's own topics. */
export const asyncapiDocument = (prefix = 'pointstream-') => ({
  asyncapi: '3.0.0',
  info: {
    title: 'Pointstream on Kafka', version: '1', license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    description: 'Purchases in by Kafka instead of HTTP. Amounts are integers in minor units.',
  },
  defaultContentType: 'application/json',
  servers: { kafka: { host: 'localhost:9092', protocol: 'kafka', description: 'The brokers that the setting kafka names.' } },
  channels: {
    partnerTopic: {
      address: '{topic}', title: "A partner's own topic",
      description: 'Any number of partitions, any compression, also by transactions of Kafka: what is aborted is not read. The partner of the topic is the partner of each transaction.',
      parameters: { topic: { description: 'As the setting routerTopics names it, PARTNER=TOPIC.' } },
      messages: messages('PartnerRecord', anyKey, partnerExamples),
    },
    commands: {
      address: `${prefix}commands`, title: 'Commands, for trusted producers',
      description: "Whoever may write here may write any partner's transactions. The engine makes the topic; its number of partitions is fixed.",
      messages: messages('TrustedRecord', homeKey, trustedExamples),
    },
    deadLetters: {
      address: `${prefix}dead-letters`, title: 'What was refused', description: 'Also under GET /v1/rejected. The same key twice is the same input twice, as it was read again after a crash.',
      messages: { rejected: { contentType: 'application/msgpack', payload: schema('Rejected'), bindings: kafka(originKey) } },
    },
  },
  operations: {
    receivePartnerRecords: operation('receive', 'partnerTopic', 'Route the records of a partner',
      'At least once: each record is checked and its transactions are handed to commands by their home; repeats are recognised there by partner, id and kind. What is wrong goes to the dead letters.'),
    receiveTrustedRecords: operation('receive', 'commands', 'Evaluate the records of a trusted producer', 'Exactly once. Checked like all others; what is wrong goes to the dead letters.'),
    sendRejected: operation('send', 'deadLetters', 'Keep what was refused', 'With its place, the reason, and the input as far as it is known.'),
  },
  components: {
    schemas: {
      PartnerRecord: { oneOf: [schema('PartnerTransaction'), { type: 'array', items: schema('PartnerTransaction') }] },
      TrustedRecord: {
        oneOf: [schema('Transaction'), { type: 'array', items: schema('Transaction') }],
        description: "One transaction; of an array, those that don't belong to the record's partition are forwarded.",
      },
      Transaction: transaction,
      PartnerTransaction: { ...unnamed, description: `${String(transaction.description)} The partner of the topic when none is named; another one is refused.` },
      Rejected: {
        type: 'object', additionalProperties: false, required: ['partner', 'id', 'kind', 'reason', 'rejectedAtMs', 'source'],
        properties: {
          partner: { type: 'string' }, id: { type: 'string', description: 'Empty where it could not be read, as are partner and kind.' }, kind: { type: 'string' },
          reason: { type: 'string', enum: Object.keys(reasons) }, pointer: { type: 'string', description: 'JSON pointer to what is wrong.' }, detail: { type: 'string' },
          rejectedAtMs: { type: 'integer' }, input: { type: 'string', description: 'JSON text, at most 16 KiB. Stars stand for the digits of what looks like the number of a payment card.' },
          source: {
            type: 'object', additionalProperties: false, required: ['topic', 'partition', 'offset', 'index'],
            properties: {
              topic: { type: 'string' }, partition: { type: 'integer', description: '-1 for what was posted by HTTP' }, offset: { type: 'integer' },
              index: { type: 'integer', description: 'of the item in its record or body' },
            },
          },
        },
      },
    },
  },
} as const);
