"""What reaches us: the mailbox API and the member API."""
