package pointstream.peers;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/**
 * Tells the load test on standard output how the run goes, a line of JSON for each event with the time and the records processed: `running` (it consumes), `first`, `third` (of all records), and
 * `done`: everything is processed, its offsets are committed (Flink: covered by a completed checkpoint), and the output can be read by those who read committed records. The process then waits to be ended.
 */
public final class Run {
  private Run() {}

  private static final int SUBTASKS_MAX = 64, LOOK_MS = 10;
  private static final LongAdder processed = new LongAdder();
  private static final AtomicBoolean begun = new AtomicBoolean(), runs = new AtomicBoolean();
  private static volatile boolean hasBegun;
  private static final AtomicLongArray durable = new AtomicLongArray(SUBTASKS_MAX);

  /** A record begins. */
  public static void record() {
    if (!hasBegun) {
      hasBegun = true;
      if (begun.compareAndSet(false, true)) say("first", 0);
    }
    processed.increment();
  }

  /** A completed checkpoint covers so many records of the subtask. */
  public static void durable(int subtask, long records) {
    durable.set(subtask, records);
  }

  public static void running() {
    if (runs.compareAndSet(false, true)) say("running", 0);
  }

  /** name=value. */
  public static Map<String, String> options(String[] arguments) {
    Map<String, String> options = new HashMap<>();
    for (String argument : arguments) options.put(argument.substring(0, argument.indexOf('=')), argument.substring(argument.indexOf('=') + 1));
    return options;
  }

  /** Follows the run until all records that the input has now are done. `group`: commits its offsets to Kafka (Kafka Streams); null: checkpoints say what is durable (Flink). */
  public static void watch(String brokers, String input, String output, String group) {
    Thread thread = new Thread(() -> {
      try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", brokers))) {
        follow(admin, input, output, group);
      } catch (Throwable error) {
        error.printStackTrace();
        Runtime.getRuntime().halt(2);
      }
    }, "watch");
    thread.setDaemon(true);
    thread.start();
  }

  private static void follow(Admin admin, String input, String output, String group) throws Exception {
    Map<TopicPartition, OffsetSpec> inputs = latest(admin, input), outputs = latest(admin, output);
    Map<TopicPartition, Long> ends = new HashMap<>();
    for (var end : admin.listOffsets(inputs).all().get().entrySet()) ends.put(end.getKey(), end.getValue().offset());
    long records = ends.values().stream().mapToLong(Long::longValue).sum();
    for (boolean third = false; processed.sum() < records; Thread.sleep(LOOK_MS)) {
      if (third || processed.sum() < records / 3) continue;
      third = true;
      say("third", processed.sum());
    }
    while (!(group == null ? durable() >= records : committed(admin, group, ends)) || !readable(admin, outputs)) Thread.sleep(LOOK_MS);
    say("done", processed.sum());
  }

  private static Map<TopicPartition, OffsetSpec> latest(Admin admin, String topic) throws Exception {
    Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
    for (var partition : admin.describeTopics(java.util.List.of(topic)).allTopicNames().get().get(topic).partitions()) wanted.put(new TopicPartition(topic, partition.partition()), OffsetSpec.latest());
    return wanted;
  }

  private static boolean committed(Admin admin, String group, Map<TopicPartition, Long> ends) throws Exception {
    var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    return ends.entrySet().stream().allMatch(end -> end.getValue() == 0 || offsets.get(end.getKey()) != null && offsets.get(end.getKey()).offset() >= end.getValue());
  }

  private static boolean readable(Admin admin, Map<TopicPartition, OffsetSpec> outputs) throws Exception {
    var all = admin.listOffsets(outputs, new ListOffsetsOptions(IsolationLevel.READ_UNCOMMITTED)).all().get();
    var stable = admin.listOffsets(outputs, new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all().get();
    return all.entrySet().stream().allMatch(end -> stable.get(end.getKey()).offset() == end.getValue().offset());
  }

  private static long durable() {
    long sum = 0;
    for (int i = 0; i < SUBTASKS_MAX; i++) sum += durable.get(i);
    return sum;
  }

  private static void say(String event, long records) {
    System.out.println("{\"event\":\"" + event + "\",\"atMs\":" + System.currentTimeMillis() + ",\"records\":" + records + "}");
    System.out.flush();
  }
}
