"""From one space to another: measured first, built beside, swapped in one step, and back while the old rows stay."""
