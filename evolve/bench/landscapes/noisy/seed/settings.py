# EVOLVE-BLOCK-START
def settings():
    """Return the six settings."""
    gain = 1.0
    damping = 1.5
    delay = 1.2
    limit = 0.6
    rate = 2.0
    offset = 1.0
    return [gain, damping, delay, limit, rate, offset]


# EVOLVE-BLOCK-END
