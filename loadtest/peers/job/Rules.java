package pointstream.peers;

/** The twenty rules of rules/twenty-rules.json, by hand. */
public final class Rules {
  private Rules() {}

  /** An account: {balance, purchases, spend, time of the last purchase}. */
  public static final int BALANCE = 0, COUNT = 1, SPEND = 2, LAST = 3, FIELDS = 4;
  private static final long HOUR_MS = 3_600_000, CAP = 5000, SPEND_STEP = 1_000_000;

  /** Fills the transaction's points and changes the account. */
  public static void apply(Transaction t, long[] account) {
    long total = 0, byCategory = 0, categoriesLow = 0, categoriesHigh = 0;
    int threes = 0;
    for (int i = 0; i < t.lines; i++) {
      int category = t.category[i];
      long amount = t.amount[i], points = 0;
      total += amount;
      if (category > 0 && category <= 30 && category % 3 == 0) points = amount * (category / 3) / 100; // 2 to 11
      t.linePoints[i] = points;
      byCategory += points;
      if (t.quantity[i] >= 3) threes++; // 16
      if (category < 64) categoriesLow |= 1L << category;
      else categoriesHigh |= 1L << category - 64;
    }
    long base = total / 100; // 1
    long hour = t.occurredAt / HOUR_MS % 24;
    if (hour >= 14 && hour < 16) base *= 2; // 12
    if (t.partner % 7 == 0) base *= 3; // 17
    long points = base + byCategory + 50L * threes;
    if (total >= 300_000) points += 500; // 13
    long count = account[COUNT] + 1;
    if (count % 3 == 0) points += 100; // 14
    if (count == 1) points += 200; // 15
    if (Long.bitCount(categoriesLow) + Long.bitCount(categoriesHigh) >= 5) points += 75; // 18
    long spend = account[SPEND] + total;
    points += 1000 * (spend / SPEND_STEP - account[SPEND] / SPEND_STEP); // 19
    t.points = Math.min(points, CAP); // 20
    account[BALANCE] += t.points;
    account[COUNT] = count;
    account[SPEND] = spend;
    account[LAST] = t.occurredAt;
  }
}
