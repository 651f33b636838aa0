"""Session cookies that the real next-auth packages made, and a maker of tokens that they would not."""
