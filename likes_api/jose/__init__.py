"""JSON Web Tokens and Keys as plain values, on top of joserfc, for untrusted input. No I/O."""
