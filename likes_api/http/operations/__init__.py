"""What an operator sees of requests: their log, their metrics and the probes."""
