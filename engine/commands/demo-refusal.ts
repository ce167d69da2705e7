/**
 * Which installations a demo with --data leaves alone: those that have partners or rules of others. It would replace their live rules and book its purchases among theirs.
 * Looks only, before anything is started; what demos made before goes on.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ReferenceSet } from '../../schemas/reference.js';
import type { Config } from '../config.js';
import { connectionOf } from '../log/kafka/connection.js';
import { openLog } from '../log/open.js';
import { newerReference } from '../reference-storage.js';
import { CommandError, exitCodes } from './command.js';
import { isOfDemo } from './demo-coalition.js';

/** Named in the message; the others are counted. */
const NAMED_MAX = 3;

export async function refuseInstallationOfOthers(config: Config): Promise<void> {
  if (!await hasLog(config)) return;
  // Read only: on Kafka, partitions are for engines.
  const log = await openLog({ ...config, roles: 'gateway' }), set = await newerReference(log, 0).finally(() => log.close());
  const foreign = set === undefined ? [] : foreignNames(set);
  if (foreign.length === 0) return;
  const more = foreign.length > NAMED_MAX ? ` and ${foreign.length - NAMED_MAX} more` : '', are = foreign.length > 1 ? 'are' : 'is';
  throw new CommandError(exitCodes.usage, `${config.data} is in use: ${foreign.slice(0, NAMED_MAX).join(', ')}${more} ${are} not the demo's, and a demo replaces the live rules and `
    + 'books purchases of its own: say another --data, or leave it out');
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
