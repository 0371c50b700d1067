"""What the program remembers: small contracts, each with one test suite for all its implementations."""
