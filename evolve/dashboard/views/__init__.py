"""What pages show, as values: pure functions of what stores answer. They know nothing of browsers."""
