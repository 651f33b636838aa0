"""Votes on targets, in two forms: arrays in the target's document, or a document per vote."""
