"""The database: one module per family of tables."""
