package pointstream.peers;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.apache.kafka.streams.state.Stores;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.DataBlockIndexType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;

/**
 * The job on Kafka Streams: Processor API, exactly once (v2), state in a logged store. Arguments: brokers, input, output, group, directory, store=memory|rocksdb, commitMs, lingerMs, batchKib, threads,
 * watch=true|false.
 */
public final class KafkaStreamsJob {
  static final class Purchases extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
    private final Transaction transaction = new Transaction();
    private final Result result = new Result();
    private final long[] account = new long[Rules.FIELDS];
    private KeyValueStore<byte[], byte[]> accounts;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      super.init(context);
      accounts = context.getStateStore("accounts");
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      Run.record();
      transaction.read(record.value());
      byte[] stored = accounts.get(record.key());
      ByteBuffer before = stored == null ? null : ByteBuffer.wrap(stored);
      for (int i = 0; i < account.length; i++) account[i] = before == null ? 0 : before.getLong(8 * i);
      Rules.apply(transaction, account);
      byte[] changed = new byte[8 * account.length]; // the store keeps it
      ByteBuffer after = ByteBuffer.wrap(changed);
      for (int i = 0; i < account.length; i++) after.putLong(8 * i, account[i]);
      accounts.put(record.key(), changed);
      context().forward(record.withValue(result.write(transaction, account[Rules.BALANCE])));
    }
  }

  public static final class Rocks implements RocksDBConfigSetter {
    private static final Cache CACHE;
    private static final WriteBufferManager BUFFERS;

    static {
      RocksDB.loadLibrary();
      CACHE = new LRUCache(256L << 20);
      BUFFERS = new WriteBufferManager(256L << 20, CACHE);
    }

    @Override
    public void setConfig(String store, Options options, Map<String, Object> settings) {
      BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
      table.setBlockCache(CACHE);
      table.setBlockSize(4096);
      table.setFormatVersion(5);
      table.setDataBlockIndexType(DataBlockIndexType.kDataBlockBinaryAndHash);
      table.setFilterPolicy(new BloomFilter(10, false));
      options.setTableFormatConfig(table);
      options.setWriteBufferManager(BUFFERS);
      options.setWriteBufferSize(32L << 20);
      options.setMaxWriteBufferNumber(3);
      options.setMemtablePrefixBloomSizeRatio(0.1);
      options.setMemtableWholeKeyFiltering(true);
      options.setCompressionType(CompressionType.LZ4_COMPRESSION);
      options.setStatsDumpPeriodSec(0);
    }

    @Override
    public void close(String store, Options options) {
      // cache and buffers belong to the process
    }
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = Run.options(arguments);
    KafkaStreams streams = new KafkaStreams(topology(options), new StreamsConfig(settings(options)));
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(3);
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.setStateListener((now, before) -> {
      if (now == KafkaStreams.State.RUNNING) Run.running();
    });
    if (options.get("watch").equals("true")) Run.watch(options.get("brokers"), options.get("input"), options.get("output"), options.get("group"));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
    new CountDownLatch(1).await();
  }

  private static Topology topology(Map<String, String> options) {
    boolean inMemory = options.get("store").equals("memory");
    var supplier = inMemory ? Stores.inMemoryKeyValueStore("accounts") : Stores.persistentKeyValueStore("accounts");
    // With its record cache it is slower: accounts come back too seldom.
    var store = Stores.keyValueStoreBuilder(supplier, Serdes.ByteArray(), Serdes.ByteArray()).withLoggingEnabled(Map.of()).withCachingDisabled();
    return new Topology()
        .addSource("transactions", new ByteArrayDeserializer(), new ByteArrayDeserializer(), options.get("input"))
        .addProcessor("purchases", Purchases::new, "transactions")
        .addStateStore(store, "purchases")
        .addSink("results", options.get("output"), new ByteArraySerializer(), new ByteArraySerializer(), "purchases");
  }

  private static Properties settings(Map<String, String> options) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, options.get("group"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("brokers"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(options.get("threads")));
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Integer.parseInt(options.get("commitMs")));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, options.get("directory"));
    settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
    settings.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, Rocks.class);
    settings.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
    settings.put(StreamsConfig.topicPrefix(TopicConfig.COMPRESSION_TYPE_CONFIG), "producer");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MAX_BYTES_CONFIG), 32 << 20);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.RECEIVE_BUFFER_CONFIG), 1 << 20);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.CHECK_CRCS_CONFIG), false);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), Integer.parseInt(options.get("lingerMs")));
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), Integer.parseInt(options.get("batchKib")) << 10);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L << 20);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.SEND_BUFFER_CONFIG), 1 << 20);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.MAX_REQUEST_SIZE_CONFIG), 8 << 20);
    return settings;
  }
}
