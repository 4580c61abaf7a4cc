# EVOLVE-BLOCK-START
def levels():
    """Return the eight levels of the mixer."""
    bass = 1.0
    low = 1.0
    middle = 1.0
    high = 1.0
    treble = 1.0
    echo = 1.0
    delay = 1.0
    drive = 1.0
    return [bass, low, middle, high, treble, echo, delay, drive]


# EVOLVE-BLOCK-END
