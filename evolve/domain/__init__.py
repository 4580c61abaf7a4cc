"""The vocabulary: frozen values and pure functions, no clock, no network, no database."""
