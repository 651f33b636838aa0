"""What ``--demo`` brings: a handful of documents to try the contracts on."""
