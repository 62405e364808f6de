"""What people look at in Kafka: topics, lag, dead letters."""
