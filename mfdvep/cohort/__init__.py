"""From variants to people: burdens per person and region, and their alignment with images."""
