# EVOLVE-BLOCK-START
def answer():
    return {"combined_score": 42.0}


# EVOLVE-BLOCK-END
