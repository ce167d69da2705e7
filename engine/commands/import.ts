/** `import products`, `import accounts`: data of other systems, through the same HTTP routes that partners' programs use. */
import type { ReplyItem } from '../../schemas/envelope.js';
import type { BatchAnswer } from '../gateway/batch.js';
import { rowsOf } from '../gateway/import-rows.js';
import type { ProblemError } from '../gateway/problems.js';
import { addClientOptions, Client, describeError, type ProblemBody } from './client.js';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode, type Options } from './command.js';
import { ndjsonBatches } from './feed-source.js';
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
      const { errors = [] } = answer.body as ProblemBody;
      say(`nothing was imported, ${file} has mistakes:`);
      for (const error of errors.slice(0, ERRORS_SHOWN_MAX)) say(`  ${describeProduct(error)}`);
      if (errors.length > ERRORS_SHOWN_MAX) say('  … and more');
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
    for await (const { bytes, rowOf } of ndjsonBatches(openFile(file!), { batchBytes: PIECE_BYTES, fromByte: 0, fromRow: 0 })) {
      const { body } = await client.call('POST', '/v1/accounts/import', { type: 'application/x-ndjson', bytes });
      const answer = body as BatchAnswer;
      sum.accepted += answer.accepted;
      sum.duplicates += answer.duplicates;
      sum.rejected += answer.rejected;
      for (const item of answer.items) if (item.status === 'rejected') say(describeRow(rowOf(item.index), item));
    }
    if (options.json === true) printJson(sum);
    else for (const [name, count] of Object.entries(sum)) print(`${name.padEnd(10)}  ${count}`);
    return sum.rejected > 0 ? exitCodes.rejected : exitCodes.fine;
  },
};

/** The server counts lines from 0, as a pointer does. */
function describeProduct({ pointer, ...error }: ProblemError): string {
  const [, line, ...path] = pointer.split('/');
  return describeRow(Number(line) + 1, { ...error, pointer: path.map((name) => `/${name}`).join('') });
}
/** `row`: its line in the file, as an editor counts. */
function describeRow(row: number, { id = '', reason = 'invalid', pointer = '', ...more }: Partial<ProblemError & ReplyItem>): string {
  return describeError({ reason, pointer: [`row ${row}`, id && `(${id})`, reason, pointer].filter((part) => part !== '').join(' '), ...more });
}
