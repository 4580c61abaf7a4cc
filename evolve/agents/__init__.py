"""Coding agents at work: a sandbox with a checkout for each session, and a broker for what they ask of outside."""
