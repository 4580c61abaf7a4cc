"""The host half of an evaluation: cascades, and the sandboxes that programs are judged in."""
