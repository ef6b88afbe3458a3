"""What we reach: peers' mailboxes, the registry, country data. Thin adapters; what an answer means is core's."""
