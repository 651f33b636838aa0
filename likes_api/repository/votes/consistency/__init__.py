"""Whether counters, arrays and vote documents agree, and how to make them."""
