/**
 * What was refused, written to the dead letters and read from them: partition by partition in the order in which it was kept; an id says where it stands (`partition.offset`).
 *
 * What came from a topic has the key TOPIC/PARTITION/OFFSET/ITEM: written twice (by a router that was killed in between) it has the same key, and the same source.
 */
import { Packr, unpack } from 'msgpackr';
import { reasons, type Rejected } from '../schemas/reasons.js';
import type { DeadLetter } from './engine.js';
import type { QueryRejected, RejectedItem } from './gateway/context.js';
import type { Log } from './log/log.js';

const READ_BYTES = 2 ** 20;
/** Of a page, as kept: what a reader who doesn't read has in memory here. */
const PAGE_BYTES_MAX = 2 ** 20;

const packr = new Packr({ useRecords: false });

export function deadLetter(rejected: Rejected): DeadLetter {
  const { source } = rejected;
  return { value: packr.pack(rejected), ...(isPlace(source) && { key: `${source.topic}/${source.partition}/${source.offset}/${source.index}` }) };
}
/** What was posted has no place in a topic. */
const isPlace = ({ partition }: Rejected['source']): boolean => partition >= 0;

const idForm = /^(\d{1,6})\.(\d{1,16})$/;
export const isRejectedId = (id: string, partitions: number): boolean => Number(idForm.exec(id)?.[1] ?? partitions) < partitions;

export function queryRejectedOf(log: Log): QueryRejected {
  /** A piece of somebody's search in each turn of the event loop: who looks through much keeps neither a till nor another reader waiting. */
  let last: Promise<unknown> = Promise.resolve();
  const turn = (): Promise<unknown> => last = last.then(() => new Promise(setImmediate));
  return async ({ partner, reason }, { limit, startingAfter }) => {
    const [, fromPartition = '0', after] = idForm.exec(startingAfter ?? '') ?? [];
    const data: RejectedItem[] = [];
    let bytes = 0;
    for (let partition = Number(fromPartition); partition < log.partitions; partition++) {
      let offset = after !== undefined && partition === Number(fromPartition) ? Number(after) + 1 : 0;
      for (;;) {
        await turn();
        const { records, nextOffset } = await log.read('dead-letters', partition, offset, READ_BYTES);
        if (records.length === 0) break;
        for (const record of records) {
          const rejected = unpack(record.value) as Rejected;
          if ((partner !== undefined && rejected.partner !== partner) || (reason !== undefined && rejected.reason !== reason)) continue;
          if (data.length === limit || bytes > PAGE_BYTES_MAX) return { data, has_more: true };
          bytes += record.value.length;
          data.push(itemOf(`${partition}.${record.offset}`, rejected));
        }
        offset = nextOffset;
      }
    }
    return { data, has_more: false };
  };
}

function itemOf(id: string, { partner, id: transaction, kind, reason, pointer, detail, rejectedAtMs, source, input }: Rejected): RejectedItem {
  return {
    id, partner, transaction_id: transaction, kind, reason, hint: reasons[reason]?.hint ?? '', rejected_at: new Date(rejectedAtMs).toISOString(),
    ...(pointer === undefined ? {} : { pointer }), ...(detail === undefined ? {} : { detail }), ...(isPlace(source) && { source }),
    ...(input === undefined ? {} : { input }),
  };
}
