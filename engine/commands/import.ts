/** `import products`, `import accounts`: data of other systems, through the same HTTP routes that partners' programs use. */
import { cutAtLines } from '../gateway/body.js';
import type { BatchAnswer } from '../gateway/batch.js';
import { rowsOf } from '../gateway/import-rows.js';
import { addClientOptions, Client, describeError, type ProblemBody } from './client.js';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode, type Options } from './command.js';
import { expectReadable } from './named-file.js';
import { openFile } from './open-file.js';

const PIECE_BYTES = 4 * 2 ** 20;
const ERRORS_SHOWN_MAX = 20;

export const importProducts: CommandDefinition = {
  name: 'import products',
  arguments: '<file>',
  summary: 'Replace the products of a partner (NDJSON {sku, name?, category?, department?, brand?, …}, also .gz)',
  examples: ['pointstream import products products.ndjson.gz --partner grocer --data ./data'],
  configure(command) {
    command.requiredOption('--partner <id>', 'whose products these are');
    addClientOptions(command);
    command.option('--json', 'summary as JSON');
  },
  async run(options, file): Promise<ExitCode> {
    await expectReadable('<file>', file!);
    const client = await Client.open(options);
    const pieces: Buffer[] = [];
    for await (const chunk of openFile(file!)) pieces.push(chunk as Buffer);
    const bytes = Buffer.concat(pieces);
    if (rowsOf(bytes, true).next().done === true) {
      throw new CommandError(exitCodes.usage, `${file} has no product, and all products of ${String(options.partner)} would be removed, so nothing was sent: `
        + 'name the right file, or if that is meant send an empty body with PUT /v1/partners/ID/products');
    }
    await client.expectServer();
    // All or nothing: products of one partner become live at one place of the log.
    const body = { type: 'application/x-ndjson', bytes };
    const answer = await client.call('PUT', `/v1/partners/${encodeURIComponent(String(options.partner))}/products`, body, [422]);
    if (answer.status === 422) {
      const { errors = [], detail = '' } = answer.body as ProblemBody;
      say(`nothing was imported: ${detail}`);
      for (const error of errors.slice(0, ERRORS_SHOWN_MAX)) say(`  ${describeError(error)}`);
      if (options.json === true) printJson(answer.body);
      return exitCodes.rejected;
    }
    const { products } = answer.body as { products: number };
    if (options.json === true) printJson(answer.body);
    else print(`products  ${products}`);
    return exitCodes.fine;
  },
};

export const importAccounts: CommandDefinition = {
  name: 'import accounts',
  arguments: '<file>',
  summary: 'Import accounts with cards and balances (NDJSON {card | cards, program?, balances:{points: 120 | {lots:[…]}}}, also .gz)',
  examples: ['pointstream import accounts accounts.ndjson --data ./data'],
  configure(command) {
    addClientOptions(command);
    command.option('--json', 'summary as JSON');
  },
  async run(options: Options, file): Promise<ExitCode> {
    await expectReadable('<file>', file!);
    const client = await Client.open(options);
    await client.expectServer();
    const sum = { accepted: 0, duplicates: 0, rejected: 0 };
    let firstIndex = 0;
    for await (const bytes of cutAtLines(openFile(file!), PIECE_BYTES)) {
      const { body } = await client.call('POST', '/v1/accounts/import', { type: 'application/x-ndjson', bytes });
      const answer = body as BatchAnswer;
      sum.accepted += answer.accepted;
      sum.duplicates += answer.duplicates;
      sum.rejected += answer.rejected;
      for (const { index, id, status, reason, pointer = '', detail } of answer.items) {
        if (status === 'rejected') say(`item ${firstIndex + index + 1} (${id}): ${reason} ${pointer} ${detail ?? ''}`);
      }
      firstIndex += answer.accepted + answer.duplicates + answer.rejected;
    }
    if (options.json === true) printJson(sum);
    else for (const [name, count] of Object.entries(sum)) print(`${name.padEnd(10)}  ${count}`);
    return sum.rejected > 0 ? exitCodes.rejected : exitCodes.fine;
  },
};
