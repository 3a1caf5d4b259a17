"""Where vectors live: versioned tables, their indexes, migration between spaces, erasure."""
