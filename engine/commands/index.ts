/** Every command, in the order of help. A new one: its file and a line here. */
import type { CommandDefinition } from './command.js';
import { demo } from './demo.js';
import { doctor } from './doctor.js';
import { feed } from './feed.js';
import { importAccounts, importProducts } from './import.js';
import { loadtestChaos } from './loadtest-chaos.js';
import { loadtestDrain } from './loadtest-drain.js';
import { loadtestHttp } from './loadtest-http.js';
import { loadtestTakeover } from './loadtest-takeover.js';
import { migrate } from './migrate.js';
import { rulesCheck, rulesPublish } from './rules.js';
import { serve } from './serve.js';
import { verify } from './verify.js';

export const commands: CommandDefinition[] = [
  serve, demo, feed, importProducts, importAccounts, rulesCheck, rulesPublish, verify, migrate, loadtestDrain, loadtestHttp, loadtestTakeover, loadtestChaos, doctor,
];
