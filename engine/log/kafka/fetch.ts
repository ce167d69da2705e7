/**
 * Fetch requests whose answers leave the record batches as bytes: nothing of a record is touched on the main thread (docs/decisions/012-log-on-kafka.md has what that saves).
 *
 * Read committed: up to the last stable offset, and without what was aborted, of which an answer has the list.
 */
import { createAPI, fetchV15, type Reader } from '@platformatic/kafka';
import { readBatchHeader, type BatchHeader } from '../../../workers/records/record-batch.js';
import type { Cluster } from './cluster.js';

const READ_COMMITTED = 1, NO_SESSION = 0, FINAL_EPOCH = -1, ANY_EPOCH = -1;
const FETCH = 1, VERSION = 15;
export const OFFSET_OUT_OF_RANGE = 1;

export interface FetchTarget { topic: string; partition: number; offset: number; bytesMax: number }
export interface Fetched {
  topic: string;
  partition: number;
  /** Code of the protocol; 0: none. */
  error: number;
  /** First offset kept, and the end of what is committed. */
  begin: number;
  stableEnd: number;
  aborted: Aborted[];
  /** Batches as they are; the last one may be cut off. */
  records: Uint8Array | undefined;
}
export interface Aborted { producer: bigint; firstOffset: number }
interface RawAnswer { error: number; topics: { id: string; partitions: Omit<Fetched, 'topic'>[] }[] }

const api = createAPI<Parameters<typeof fetchV15.createRequest>, RawAnswer>(FETCH, VERSION, fetchV15.createRequest, (_correlation, _key, _version, reader): RawAnswer => {
  reader.readInt32(); // throttle time: the broker has delayed the answer already
  const error = reader.readInt16();
  reader.readInt32(); // session
  return { error, topics: reader.readArray((r) => ({ id: r.readUUID(), partitions: r.readArray(readPartition) })) };
});

function readPartition(r: Reader): Omit<Fetched, 'topic'> {
  const partition = r.readInt32(), error = r.readInt16();
  r.readInt64(); // high watermark: what is beyond the stable end is not committed
  const stableEnd = Number(r.readInt64()), begin = Number(r.readInt64());
  const aborted = r.readArray((a): Aborted => ({ producer: a.readInt64(), firstOffset: Number(a.readInt64()) }));
  r.readInt32(); // preferred replica: the leader is always asked
  const length = r.readUnsignedVarInt() - 1;
  if (length <= 0) return { partition, error, begin, stableEnd, aborted, records: undefined };
  const bytes = r.buffer.subarray(r.position, r.position + length), records = Buffer.isBuffer(bytes) ? bytes : bytes.slice();
  r.skip(length);
  return { partition, error, begin, stableEnd, aborted, records };
}

/** One request to one broker. Throws when all of it fails; a partition that fails has its code. */
export async function fetchFrom(cluster: Cluster, node: number, lane: string, targets: FetchTarget[], wait: { msMax: number; bytesMin: number; bytesMax: number }): Promise<Fetched[]> {
  const topics = [...new Set(targets.map(({ topic }) => topic))].map((topic) => ({
    topicId: cluster.topicId(topic),
    partitions: targets.filter((target) => target.topic === topic).map(({ partition, offset, bytesMax }) => (
      { partition, currentLeaderEpoch: ANY_EPOCH, fetchOffset: BigInt(offset), lastFetchedEpoch: ANY_EPOCH, partitionMaxBytes: bytesMax }
    )),
  }));
  const answer = await cluster.fromNode(node, lane, api, wait.msMax, wait.bytesMin, wait.bytesMax, READ_COMMITTED, NO_SESSION, FINAL_EPOCH, topics, [], '');
  return answer.topics.flatMap(({ id, partitions }) => partitions.map((fetched) => ({ topic: cluster.topicName(id), ...fetched, error: fetched.error || answer.error })));
}

export interface CommittedBatch { header: BatchHeader; bytes: Uint8Array }

/**
 * The batches of an answer that were committed, and where to read on behind all that it had. As Kafka's own consumer does it: a producer's records are aborted from the listed
 * offset on up to its mark.
 */
export function committedBatches(records: Uint8Array | undefined, aborted: Aborted[], fromOffset: number): { batches: CommittedBatch[]; nextOffset: number } {
  const batches: CommittedBatch[] = [], waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset), aborting = new Set<bigint>();
  let nextOffset = fromOffset;
  for (let at = 0; records && at < records.length;) {
    const header = readBatchHeader(records, at);
    if (!header) break;
    const bytes = records.subarray(at, at + header.bytes);
    at += header.bytes;
    while (waiting.length > 0 && waiting[0]!.firstOffset <= header.lastOffset) aborting.add(waiting.shift()!.producer);
    if (header.control) {
      if (endsInAbort(bytes)) aborting.delete(header.producer);
    } else if (header.lastOffset >= fromOffset && !(header.transactional && aborting.has(header.producer))) batches.push({ header, bytes });
    nextOffset = Math.max(nextOffset, header.lastOffset + 1);
  }
  return { batches, nextOffset };
}

/** The mark's record has the key { i16 version, i16 type }, type 0 an abort; the five bytes before it are its length, attributes, time, offset and the key's length. */
function endsInAbort(batch: Uint8Array): boolean {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  return view.getInt16(61 + 5 + 2) === 0;
}
