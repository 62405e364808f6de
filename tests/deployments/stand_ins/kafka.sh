# As apache/kafka: a variable KAFKA_SOME_SETTING is some.setting, and the folder of the data is formatted once.
set -eu
env | sed -n 's/^KAFKA_//p' | while IFS='=' read -r name value; do
    echo "$(echo "$name" | tr 'A-Z_' 'a-z.')=$value"
done > /tmp/server.properties
java() {
    exec /java/bin/java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/jars/*' "$@"
}
(java kafka.tools.StorageTool format --ignore-formatted --cluster-id="$CLUSTER_ID" --config /tmp/server.properties)
java kafka.Kafka /tmp/server.properties
