"""JSON Web Tokens and Keys as plain values, around joserfc: what a stranger or an issuer may have written. No I/O."""
