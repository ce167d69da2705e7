/**
 * Which installations a demo with --data leaves alone: those that have partners or rules of others, since it would replace their live rules and book its purchases among theirs, and those of a
 * demo whose rules say otherwise, since a published version never changes. Looks only, before anything is started; what the same demo made before goes on.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ReferenceSet } from '../../schemas/reference.js';
import type { Config } from '../config.js';
import { connectionOf } from '../log/kafka/connection.js';
import { openLog } from '../log/open.js';
import { newerReference } from '../reference-storage.js';
import { PublishError, ReferenceStore } from '../reference.js';
import { CommandError, exitCodes } from './command.js';
import { isOfDemo } from './demo-coalition.js';
import type { Coalition } from './demo-feed.js';

/** Named in the message; the others are counted. */
const NAMED_MAX = 3;

export async function refuseInstallationOfOthers(config: Config, coalition: Coalition): Promise<void> {
  if (!await hasLog(config)) return;
  // Read only: on Kafka, partitions are for engines.
  const log = await openLog({ ...config, roles: 'gateway' }), set = await newerReference(log, 0).finally(() => log.close());
  if (set === undefined) return;
  const foreign = foreignNames(set), otherwise = 'say another --data, or leave it out';
  if (foreign.length > 0) {
    throw new CommandError(exitCodes.usage, `${config.data} is in use: ${someOf(foreign)} ${foreign.length > 1 ? 'are' : 'is'} not the demo's, and a demo replaces the live rules and `
      + `books purchases of its own: ${otherwise}`);
  }
  const conflict = conflictWith(set, coalition);
  if (conflict === undefined) return;
  const partners = someOf(set.partners.map(({ id }) => JSON.stringify(id)));
  throw new CommandError(exitCodes.usage, `${config.data} has a demo of ${partners}, whose rules are published, and this demo's say otherwise (${conflict}): ${otherwise}`);
}

const someOf = (names: string[]): string => `${names.slice(0, NAMED_MAX).join(', ')}${names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : ''}`;

/** Why what the demo publishes would be refused there. */
function conflictWith(set: ReferenceSet, { program, partners, rules }: Coalition): string | undefined {
  const store = new ReferenceStore(set);
  try {
    store.putProgram('default', program);
    for (const { id, document } of partners) store.putPartner(id, document);
    store.putRules({ rules });
    return undefined;
  } catch (error) {
    if (error instanceof PublishError && error.status === 409) return error.errors[0]!.detail;
    throw error;
  }
}

async function hasLog(config: Config): Promise<boolean> {
  if (config.kafka === '') return existsSync(join(config.data, 'log', 'data.mdb'));
  const { hasTopics } = await import('../log/kafka/topics.js');
  if (!await hasTopics({ ...connectionOf(config), clientId: 'pointstream' }, config.kafkaPrefix)) return false;
  // A directory that is new joins whatever engines are on these topics, and the demo's rules and partners would become theirs.
  if (existsSync(join(config.data, 'kafka'))) return true;
  throw new CommandError(exitCodes.usage, `${config.kafka} has topics that begin with ${config.kafkaPrefix}, and they are not of ${config.data}: say another --kafka-prefix, or leave out --data`);
}

function foreignNames({ programs, partners, rules, live }: ReferenceSet): string[] {
  const ofDemo = isOfDemo(programs);
  return [
    ...partners.filter((partner) => !ofDemo.partner(partner)).map(({ id }) => `partner ${JSON.stringify(id)}`),
    ...live.map((place) => rules[place]!.document).filter((rule) => !ofDemo.rule(rule)).map(({ id }) => `rule ${JSON.stringify(id)}`),
  ];
}
