"""A private mongod for trying out and for tests: finding the binary, running it."""
