/**
 * Fills the checkpoint of a partition with a snapshot that another engine wrote: what was there goes, then comes the newest record of each key, in any order. The one that makes it count is
 * written last, so that a load that was cut off is no checkpoint, and is begun again.
 *
 * Cards are not among the records: they are read out of the accounts.
 */
import { META, REMOVED, unpackSnapshot } from '../../schemas/snapshot.js';
import { accountsOfBucket, asDoubles, BUCKET } from './bucket.js';
import { readCards } from './card-texts.js';
import { cardEntry, cardKey, type Environment } from './checkpoint.js';

export class SnapshotLoader {
  private meta: Buffer | undefined;

  constructor(private readonly environment: Environment) {
    const { root, buckets, cards, runs, due } = environment;
    root.transactionSync(() => {
      root.removeSync(META);
      for (const database of [buckets, cards, runs, due]) database.clearSync();
    });
  }
  /** Records as packSnapshot wrote them. */
  load(records: Uint8Array): void {
    const { root, buckets, runs, due } = this.environment;
    root.transactionSync(() => {
      for (const { key, value } of unpackSnapshot(records)) {
        const [kind, first, second] = key.split('/'), bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
        if (bytes.length === REMOVED.length) continue;
        if (key === META) this.meta = Buffer.from(bytes);
        else if (kind === 'bucket') {
          buckets.putSync(Number(first), bytes);
          this.putCards(Number(first), bytes);
        } else if (kind === 'page') runs.putSync([Number(first), Number(second)], bytes);
        else if (kind === 'due') due.putSync([Number(first), Number(second)], bytes);
        else throw new Error(`a snapshot has a record ${key}, which this version does not know`);
      }
    });
  }
  /** From here on it counts. */
  end(): void {
    const { root } = this.environment, { meta } = this;
    if (meta) root.transactionSync(() => void root.putSync(META, meta));
  }

  private putCards(bucket: number, saved: Buffer): void {
    for (const [place, account] of accountsOfBucket(asDoubles(saved)!)) {
      for (const text of cardTexts(account)) this.environment.cards.putSync(cardKey(account[0]!, text), cardEntry(bucket * BUCKET + place));
    }
  }
}

/** Texts of the cards of an account as `AccountStore.copyOut` gives it. */
function cardTexts(account: Float64Array): Uint8Array[] {
  return readCards(account, new Uint8Array(account.buffer, account.byteOffset, account.byteLength), 2, account.length);
}
