/**
 * The products of a partner from a body: read and checked by the parsers, piece by piece, while it arrives. A catalog of 50 MB is seconds of work, and single posts wait for the
 * same parsers: they wait for a piece.
 *
 * Promises: the main thread holds nothing up for longer than a piece takes to be copied.
 */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { PROBLEMS_MAX, type Problem } from '../../schemas/validate.js';
import type { CheckedProducts } from '../reference.js';
import { joinParts } from '../reference-storage.js';
import { cutAtLines, readChunks } from './body.js';
import type { GatewayContext } from './context.js';

/** About 10 ms of a parser. */
const PIECE_BYTES = 2 ** 18;

export async function readCatalog(request: FastifyRequest, { bodyMemory, config, parser }: Pick<GatewayContext, 'bodyMemory' | 'config' | 'parser'>): Promise<CheckedProducts & { products: number }> {
  const held = bodyMemory.open(), hash = createHash('sha256'), pieces: Uint8Array[] = [], problems: Problem[] = [];
  let firstLine = 0, products = 0;
  try {
    // Also the rest of a body in which enough is wrong is read: it may be too large, or break off.
    for await (const bytes of cutAtLines(readChunks(request.raw, config, held.take), PIECE_BYTES)) {
      const read = await parser.readProducts({ bytes, firstLine, problemsMax: PROBLEMS_MAX - problems.length });
      firstLine += read.lines;
      products += read.products;
      problems.push(...read.problems);
      hash.update(read.content);
      pieces.push(read.content);
    }
    return { content: await joinParts(pieces), hash: hash.digest('hex'), problems, products };
  } finally {
    held.close();
  }
}
