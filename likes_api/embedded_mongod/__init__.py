"""Find and run a private mongod, for trials and for tests."""
