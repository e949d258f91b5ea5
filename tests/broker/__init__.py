"""A real Apache Kafka for the tests, and the librdkafka mock cluster where there is no Java.

`broker.fixtures` is the pytest plugin; what its fixtures give is described at `Kafka`, `Broker` and `SecuredBroker`.
"""
