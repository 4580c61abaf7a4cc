# EVOLVE-BLOCK-START
def design():
    """Return the six numbers of the design."""
    size = 0.5
    length = 0.7
    width = 0.3
    bend = 0.5
    hole = 0.4
    rim = 0.9
    return [size, length, width, bend, hole, rim]


# EVOLVE-BLOCK-END
