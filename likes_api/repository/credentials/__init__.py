"""Sessions and tokens as they are kept."""
