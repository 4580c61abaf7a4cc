"""One run in one file, for somebody else: made, verified, opened; and how far what was opened is trusted."""
