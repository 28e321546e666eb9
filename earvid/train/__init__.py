"""Training: clips synthesized from stills, losses, and a resumable loop."""
