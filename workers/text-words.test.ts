/** Words of texts are what their bytes say, wherever they lie in the record, and however near to its ends. */
import t from 'tap';
import { viewOf, word } from './text-words.js';

const bytes = Uint8Array.from({ length: 12 }, (_, i) => 0x85 + 9 * i);
for (const part of [bytes, bytes.subarray(3), bytes.subarray(1, 5), bytes.subarray(2, 4)]) {
  for (let start = 0; start <= part.length; start++) {
    for (let length = 0; length <= part.length - start; length++) {
      const four = new Uint8Array(4);
      four.set(part.subarray(start, start + Math.min(4, length)));
      t.equal(word(viewOf(part), start, length), new DataView(four.buffer).getInt32(0, true), `${length} from ${start} of ${part.length}`);
    }
  }
}
t.equal(word(viewOf(bytes), 0, -1), 0, 'nothing is left');
t.equal(viewOf(bytes), viewOf(bytes), 'one view for the same bytes');
t.not(viewOf(bytes), viewOf(bytes.subarray(0)));
