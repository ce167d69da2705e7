package pointstream.peers;

import java.util.Arrays;

/**
 * One transaction in the product's MessagePack form, read into fields that are used again. Texts stay where they are in the record; of card, partner, sku and category (digits, one letter before
 * those of partner and category) the job needs the numbers.
 */
public final class Transaction {
  byte[] bytes;
  int idStart, idLength, partnerStart, partnerLength, storeStart, storeLength, cardStart, cardLength;
  long occurredAt;
  int partner;
  int lines;
  int[] sku = new int[16], quantity = new int[16], category = new int[16];
  long[] amount = new long[16];
  /** Of the line, by its category; filled by Rules. */
  long[] linePoints = new long[16];
  /** Of the whole transaction; filled by Rules. */
  long points;

  private final MessagePack.Reader reader = new MessagePack.Reader();

  /** Names differ by their length and first letter. */
  public void read(byte[] value) {
    MessagePack.Reader r = reader;
    r.bytes = bytes = value;
    r.at = 0;
    lines = 0;
    for (int fields = r.mapSize(); fields > 0; fields--) {
      r.text();
      switch (r.length << 8 | value[r.start]) {
        case 2 << 8 | 'i':
          r.text();
          idStart = r.start;
          idLength = r.length;
          break;
        case 7 << 8 | 'p':
          partner = (int) r.digits(1);
          partnerStart = r.start;
          partnerLength = r.length;
          break;
        case 5 << 8 | 's':
          r.text();
          storeStart = r.start;
          storeLength = r.length;
          break;
        case 4 << 8 | 'c':
          r.text();
          cardStart = r.start;
          cardLength = r.length;
          break;
        case 10 << 8 | 'o': occurredAt = r.integer(); break;
        case 5 << 8 | 'l': readLines(r); break;
        default: r.skip();
      }
    }
  }

  private void readLines(MessagePack.Reader r) {
    lines = r.arraySize();
    if (lines > sku.length) grow();
    for (int i = 0; i < lines; i++) {
      for (int fields = r.mapSize(); fields > 0; fields--) {
        r.text();
        switch (r.length << 8 | r.bytes[r.start]) {
          case 3 << 8 | 's': sku[i] = (int) r.digits(0); break;
          case 8 << 8 | 'q': quantity[i] = (int) r.integer(); break;
          case 6 << 8 | 'a': amount[i] = r.integer(); break;
          case 8 << 8 | 'c': category[i] = (int) r.digits(1); break;
          default: r.skip();
        }
      }
    }
  }

  private void grow() {
    sku = Arrays.copyOf(sku, lines);
    quantity = Arrays.copyOf(quantity, lines);
    category = Arrays.copyOf(category, lines);
    amount = Arrays.copyOf(amount, lines);
    linePoints = Arrays.copyOf(linePoints, lines);
  }
}
