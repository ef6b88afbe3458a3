"""What we reach: mailboxes of peers, the registry, country data."""
