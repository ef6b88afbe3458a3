"""Measures a whole network on this machine: real node processes, real files, loopback."""
