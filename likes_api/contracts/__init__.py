"""The documented HTTP contracts, one package each; none imports another."""
