/**
 * A bucket as it lies on disk: so many accounts that follow one another, as doubles.
 *
 *   [batch up to which it holds, then for each account: place in the bucket, doubles that follow, program, flags, cells …]
 */
export const BUCKET = 16;

export function asDoubles(saved: Buffer | undefined): Float64Array | undefined {
  return saved && new Float64Array(saved.buffer.slice(saved.byteOffset, saved.byteOffset + saved.byteLength) as ArrayBuffer);
}
/** What `AccountStore.load` takes, by place in the bucket. */
export function accountsOfBucket(bucket: Float64Array): Map<number, Float64Array> {
  const found = new Map<number, Float64Array>();
  for (let at = 1; at < bucket.length; at += 2 + bucket[at + 1]!) found.set(bucket[at]!, bucket.subarray(at + 2, at + 2 + bucket[at + 1]!));
  return found;
}
