"""What we reach: peers' mailboxes, the registry, country data. Thin: core says what an answer means."""
