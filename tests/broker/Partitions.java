import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/** Reads keys from standard input, one per line in hex, and prints to which of so many partitions each one goes. */
public class Partitions {
    public static void main(String[] arguments) {
        int partitions = Integer.parseInt(arguments[0]);
        new BufferedReader(new InputStreamReader(System.in)).lines()
            .map(HexFormat.of()::parseHex)
            .map(key -> BuiltInPartitioner.partitionForKey(key, partitions))
            .forEach(System.out::println);
    }
}
