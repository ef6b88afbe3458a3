"""The administrators' side of the registry, on files."""
