package pointstream.peers;

import java.nio.charset.StandardCharsets;

/** What a peer writes for a transaction: {id, occurredAt, card, partner, store, points, balance, lines:[[sku, quantity, amount, points]]}, MessagePack. */
public final class Result {
  private static final byte[] ID = name("id"), OCCURRED_AT = name("occurredAt"), CARD = name("card"), PARTNER = name("partner"), STORE = name("store"), POINTS = name("points"),
      BALANCE = name("balance"), LINES = name("lines");
  private final MessagePack.Writer out = new MessagePack.Writer();

  public byte[] write(Transaction t, long balance) {
    out.begin(8);
    out.raw(ID);
    out.text(t.bytes, t.idStart, t.idLength);
    out.raw(OCCURRED_AT);
    out.integer(t.occurredAt);
    out.raw(CARD);
    out.text(t.bytes, t.cardStart, t.cardLength);
    out.raw(PARTNER);
    out.text(t.bytes, t.partnerStart, t.partnerLength);
    out.raw(STORE);
    out.text(t.bytes, t.storeStart, t.storeLength);
    out.raw(POINTS);
    out.integer(t.points);
    out.raw(BALANCE);
    out.integer(balance);
    out.raw(LINES);
    out.array(t.lines);
    for (int i = 0; i < t.lines; i++) {
      out.array(4);
      out.integer(t.sku[i]);
      out.integer(t.quantity[i]);
      out.integer(t.amount[i]);
      out.integer(t.linePoints[i]);
    }
    return out.done();
  }

  private static byte[] name(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII), packed = new byte[bytes.length + 1];
    packed[0] = (byte) (0xa0 | bytes.length);
    System.arraycopy(bytes, 0, packed, 1, bytes.length);
    return packed;
  }
}
