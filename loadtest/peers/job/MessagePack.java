package pointstream.peers;

import java.util.Arrays;

/**
 * MessagePack in place: a reader and a writer over one array, without an object for each value. Written for the job, as a team that tunes it would: a general library (msgpack-core with
 * reused buffers) costs more. Trusts its input, which the load test wrote.
 */
final class MessagePack {
  private MessagePack() {}

  static final class Reader {
    byte[] bytes;
    int at;
    /** Where the text that was read last lies. */
    int start, length;

    int mapSize() {
      int head = bytes[at++] & 0xff;
      return head < 0x90 ? head & 15 : big(2);
    }

    int arraySize() {
      int head = bytes[at++] & 0xff;
      return head < 0xa0 ? head & 15 : big(2);
    }

    void text() {
      int head = bytes[at++] & 0xff;
      length = head < 0xc0 ? head & 31 : head == 0xd9 ? big(1) : big(2);
      start = at;
      at += length;
    }

    /** A text of digits, behind `skip` other characters. */
    long digits(int skip) {
      text();
      long value = 0;
      for (int i = start + skip, end = start + length; i < end; i++) value = value * 10 + bytes[i] - '0';
      return value;
    }

    /** Integers; a double that is one too, as JavaScript writes them. */
    long integer() {
      int head = bytes[at++];
      if (head >= -32) return head;
      switch (head & 0xff) {
        case 0xcc: return big(1);
        case 0xcd: return big(2);
        case 0xce: return big(4) & 0xffffffffL;
        case 0xcf: case 0xd3: return eight();
        case 0xd0: return (byte) big(1);
        case 0xd1: return (short) big(2);
        case 0xd2: return big(4);
        case 0xcb: return (long) Double.longBitsToDouble(eight());
        default: throw new IllegalStateException("not an integer: " + head);
      }
    }

    void skip() {
      int head = bytes[at] & 0xff;
      if (head >= 0xa0 && head < 0xc0 || head == 0xd9 || head == 0xda) text();
      else if (head >= 0x80 && head < 0x90 || head == 0xde) for (int n = 2 * mapSize(); n > 0; n--) skip();
      else if (head >= 0x90 && head < 0xa0 || head == 0xdc) for (int n = arraySize(); n > 0; n--) skip();
      else if (head >= 0xc0 && head <= 0xc3) at++;
      else integer();
    }

    private int big(int width) {
      int value = 0;
      for (int i = 0; i < width; i++) value = value << 8 | bytes[at++] & 0xff;
      return value;
    }

    private long eight() {
      long high = big(4);
      return high << 32 | big(4) & 0xffffffffL;
    }
  }

  static final class Writer {
    private byte[] bytes = new byte[4096];
    private int at;

    void begin(int mapSize) {
      at = 0;
      bytes[at++] = (byte) (0x80 | mapSize);
    }

    byte[] done() {
      return Arrays.copyOf(bytes, at);
    }

    void array(int size) {
      room(3);
      if (size < 16) bytes[at++] = (byte) (0x90 | size);
      else {
        bytes[at++] = (byte) 0xdc;
        big(size, 2);
      }
    }

    /** A name, packed before. */
    void raw(byte[] packed) {
      room(packed.length);
      System.arraycopy(packed, 0, bytes, at, packed.length);
      at += packed.length;
    }

    void text(byte[] from, int start, int length) {
      room(length + 3);
      if (length < 32) bytes[at++] = (byte) (0xa0 | length);
      else {
        bytes[at++] = (byte) 0xda;
        big(length, 2);
      }
      System.arraycopy(from, start, bytes, at, length);
      at += length;
    }

    void integer(long value) {
      room(9);
      if (value >= 0 && value < 128) bytes[at++] = (byte) value;
      else if (value >= 0 && value < 1L << 16) {
        bytes[at++] = (byte) 0xcd;
        big(value, 2);
      } else if (value >= 0 && value < 1L << 32) {
        bytes[at++] = (byte) 0xce;
        big(value, 4);
      } else {
        bytes[at++] = (byte) 0xd3;
        big(value, 8);
      }
    }

    private void big(long value, int width) {
      for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) bytes[at++] = (byte) (value >>> shift);
    }

    private void room(int count) {
      if (at + count > bytes.length) bytes = Arrays.copyOf(bytes, 2 * (at + count));
    }
  }
}
