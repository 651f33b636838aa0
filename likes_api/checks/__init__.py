"""What ``likes-api check`` looks at: each module yields findings, and changes nothing."""
