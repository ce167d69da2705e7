package pointstream.peers;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.DefaultKafkaDatasetIdentifier;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacet;
import org.apache.flink.connector.kafka.lineage.KafkaDatasetFacetProvider;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * The job on Flink, in one process: KafkaSource → keyBy card → KeyedProcessFunction → KafkaSink, exactly once by checkpoints. Arguments: brokers, input, output, group, directory,
 * store=heap|rocksdb, checkpointMs, lingerMs, batchKib, bufferMs, threads, watch=true|false.
 */
public final class FlinkJob {
  /** Card and record. Cards are digits: as a number they cost less than as text. */
  static final TypeInformation<Tuple2<Long, byte[]>> KEYED = Types.TUPLE(Types.LONG, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);

  /** Only the key is read before the shuffle; the record crosses it as bytes and is read once, behind it. */
  static final class Input implements KafkaRecordDeserializationSchema<Tuple2<Long, byte[]>> {
    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Tuple2<Long, byte[]>> out) {
      long card = 0;
      for (byte digit : record.key()) card = card * 10 + digit - '0';
      out.collect(new Tuple2<>(card, record.value()));
    }

    @Override
    public TypeInformation<Tuple2<Long, byte[]>> getProducedType() {
      return KEYED;
    }
  }

  static final class Purchases extends KeyedProcessFunction<Long, Tuple2<Long, byte[]>, Tuple2<Long, byte[]>> implements CheckpointedFunction, CheckpointListener {
    private transient ValueState<long[]> accounts;
    private transient Transaction transaction;
    private transient Result result;
    private transient Tuple2<Long, byte[]> out;
    /** For the measurement: records seen, by checkpoint that is not completed yet. */
    private transient Map<Long, Long> seenAt;
    private transient long seen;

    @Override
    public void open(OpenContext context) {
      accounts = getRuntimeContext().getState(new ValueStateDescriptor<>("accounts", PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO));
      transaction = new Transaction();
      result = new Result();
      out = new Tuple2<>();
    }

    @Override
    public void processElement(Tuple2<Long, byte[]> record, Context context, Collector<Tuple2<Long, byte[]>> collector) throws Exception {
      Run.record();
      seen++;
      transaction.read(record.f1);
      long[] account = accounts.value();
      if (account == null) account = new long[Rules.FIELDS];
      Rules.apply(transaction, account);
      accounts.update(account);
      out.f0 = record.f0;
      out.f1 = result.write(transaction, account[Rules.BALANCE]);
      collector.collect(out);
    }

    @Override
    public void initializeState(FunctionInitializationContext context) {
      seenAt = new HashMap<>();
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) {
      seenAt.put(context.getCheckpointId(), seen);
    }

    @Override
    public void notifyCheckpointComplete(long checkpoint) {
      Run.running();
      Long covered = seenAt.remove(checkpoint);
      if (covered != null) Run.durable(getRuntimeContext().getTaskInfo().getIndexOfThisSubtask(), covered);
    }
  }

  static final class Output implements KafkaRecordSerializationSchema<Tuple2<Long, byte[]>>, KafkaDatasetFacetProvider {
    private final String topic;

    Output(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Tuple2<Long, byte[]> result, KafkaSinkContext context, Long timestampMs) {
      return new ProducerRecord<>(topic, null, timestampMs, Long.toString(result.f0).getBytes(StandardCharsets.ISO_8859_1), result.f1);
    }

    /** Lets pooled transaction names find transactions of the topic that were left open. */
    @Override
    public Optional<KafkaDatasetFacet> getKafkaDatasetFacet() {
      return Optional.of(new DefaultKafkaDatasetFacet(DefaultKafkaDatasetIdentifier.ofTopics(List.of(topic)), new Properties()));
    }
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = Run.options(arguments);
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(Integer.parseInt(options.get("threads")), settings(options));
    environment.enableCheckpointing(Long.parseLong(options.get("checkpointMs")), CheckpointingMode.EXACTLY_ONCE);
    environment.getCheckpointConfig().setMinPauseBetweenCheckpoints(0);
    environment.fromSource(source(options), WatermarkStrategy.noWatermarks(), "transactions", KEYED).uid("transactions")
        .keyBy(record -> record.f0, Types.LONG)
        .process(new Purchases()).returns(KEYED).uid("purchases")
        .sinkTo(sink(options)).uid("results");
    if (options.get("watch").equals("true")) Run.watch(options.get("brokers"), options.get("input"), options.get("output"), null);
    environment.execute("peers");
  }

  private static Configuration settings(Map<String, String> options) {
    boolean rocks = options.get("store").equals("rocksdb");
    Configuration settings = new Configuration();
    settings.set(StateBackendOptions.STATE_BACKEND, rocks ? "rocksdb" : "hashmap");
    settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
    settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + options.get("directory") + "/checkpoints");
    settings.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, rocks);
    settings.set(PipelineOptions.OBJECT_REUSE, true);
    settings.set(PipelineOptions.GENERIC_TYPES, false);
    settings.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(128));
    settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(128));
    settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(rocks ? 512 : 64));
    settings.set(TaskManagerOptions.MEMORY_SEGMENT_SIZE, MemorySize.parse("64kb"));
    settings.set(ExecutionOptions.BUFFER_TIMEOUT, Duration.ofMillis(Long.parseLong(options.get("bufferMs"))));
    settings.setString("state.backend.rocksdb.writebuffer.size", "64mb");
    settings.setString("state.backend.rocksdb.use-bloom-filter", "true");
    settings.setString("state.backend.rocksdb.localdir", options.get("directory") + "/rocksdb");
    settings.setString("state.backend.rocksdb.compression.per.level", "NO_COMPRESSION");
    return settings;
  }

  private static KafkaSource<Tuple2<Long, byte[]>> source(Map<String, String> options) {
    return KafkaSource.<Tuple2<Long, byte[]>>builder()
        .setBootstrapServers(options.get("brokers")).setTopics(options.get("input")).setGroupId(options.get("group"))
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setDeserializer(new Input())
        .setProperty("isolation.level", "read_committed")
        .setProperty("fetch.max.bytes", "" + (32 << 20))
        .setProperty("max.partition.fetch.bytes", "" + (2 << 20))
        .setProperty("max.poll.records", "5000")
        .setProperty("receive.buffer.bytes", "" + (1 << 20))
        .setProperty("check.crcs", "false")
        .setProperty("enable.metrics.push", "false")
        .build();
  }

  private static KafkaSink<Tuple2<Long, byte[]>> sink(Map<String, String> options) {
    Properties producer = new Properties();
    producer.put("transaction.timeout.ms", "600000");
    producer.put("linger.ms", options.get("lingerMs"));
    producer.put("batch.size", "" + (Integer.parseInt(options.get("batchKib")) << 10));
    producer.put("buffer.memory", "" + (128 << 20));
    producer.put("compression.type", "lz4");
    producer.put("send.buffer.bytes", "" + (1 << 20));
    producer.put("max.request.size", "" + (8 << 20));
    producer.put("enable.metrics.push", "false");
    return KafkaSink.<Tuple2<Long, byte[]>>builder()
        .setBootstrapServers(options.get("brokers")).setKafkaProducerConfig(producer)
        .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE).setTransactionalIdPrefix(options.get("group"))
        .setTransactionNamingStrategy(TransactionNamingStrategy.POOLING)
        .setRecordSerializer(new Output(options.get("output")))
        .build();
  }
}
