"""A proof by faults: people act, everything breaks, and at the end each calendar view is right."""
