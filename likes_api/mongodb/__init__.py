"""The driver, used well: the client, its time limits, the circuit breaker and the metrics of its commands."""
