"""Pure rules: bytes in, verdict out. No clock, disk, socket or await."""
