"""The forward passes under every score: packing, attention, LM head, noise, precision."""
