/**
 * Bodies of many items in pieces: parsing and evaluation begin while the body still arrives.
 *
 *   lines   cut at line ends, parsed side by side
 *   array   cut anywhere; the parser reads whole items and gives back the bytes of the one that is cut, which stand in front of the next piece
 *
 * Promises: at most piecesPerRequestMax pieces are under way, then the connection is not read; what was handed over is let through to its end, also when the sender went
 * away. Of an array no more is kept than a piece and an item.
 */
import type { Batch } from './batch.js';
import { cutAtLines, join, type HeldBytes } from './body.js';

export interface PieceBounds { pieceBytes: number; piecesPerRequestMax: number }

export async function postLines(batch: Batch, chunks: AsyncIterable<Buffer>, held: HeldBytes, { pieceBytes, piecesPerRequestMax }: PieceBounds): Promise<void> {
  const underWay = new UnderWay(piecesPerRequestMax);
  try {
    for await (const piece of cutAtLines(chunks, pieceBytes)) {
      const bytes = piece.length;
      await underWay.add(batch.add(piece).answered, () => held.give(bytes));
      if (batch.failure !== undefined) break;
    }
  } finally {
    await underWay.end();
  }
  if (batch.failure !== undefined) throw batch.failure;
}

/** `beginning`: what has been read of the body already. */
export async function postArray(batch: Batch, beginning: Uint8Array[], chunks: AsyncIterable<Buffer>, held: HeldBytes, { pieceBytes, piecesPerRequestMax }: PieceBounds): Promise<void> {
  const underWay = new UnderWay(piecesPerRequestMax);
  let gathered = [...beginning], bytes = beginning.reduce((sum, { length }) => sum + length, 0), wanted = pieceBytes, itemsLeft: number | undefined;
  const hand = async (isLast: boolean): Promise<void> => {
    const piece = join(gathered), given = piece.length, { parsed, answered } = batch.add(piece, { isLast, ...(itemsLeft !== undefined && { itemsLeft }) });
    let taken = given;
    const room = underWay.add(answered, () => held.give(taken));
    try {
      const { rest = new Uint8Array(0), ...result } = await parsed;
      itemsLeft = result.itemsLeft;
      taken = given - rest.length;
      gathered = [rest];
      bytes = rest.length;
      // What is longer than a piece is looked at again when there is twice as much of it.
      wanted = Math.max(pieceBytes, 2 * bytes);
    } catch {
      // It is the batch's failure, too.
    }
    await room;
  };
  try {
    for await (const chunk of chunks) {
      // After the end of the last item that can be read, the rest is only read away.
      if (itemsLeft === 0) {
        held.give(chunk.length);
        continue;
      }
      gathered.push(chunk);
      bytes += chunk.length;
      if (bytes >= wanted) await hand(false);
      if (batch.failure !== undefined) break;
    }
    if (batch.failure === undefined && itemsLeft !== 0) await hand(true);
  } finally {
    await underWay.end();
  }
  if (batch.failure !== undefined) throw batch.failure;
}

/** Pieces between arrival and commit. */
class UnderWay {
  private readonly pieces = new Set<Promise<void>>();

  constructor(private readonly max: number) {}

  /** Resolves when there is room for another one. A failure is the batch's; here it only is an end. */
  async add(answered: Promise<void>, ended: () => void): Promise<void> {
    const piece: Promise<void> = answered.catch(() => undefined).finally(() => {
      this.pieces.delete(piece);
      ended();
    });
    this.pieces.add(piece);
    if (this.pieces.size >= this.max) await Promise.race(this.pieces);
  }
  async end(): Promise<void> {
    await Promise.all(this.pieces);
  }
}
