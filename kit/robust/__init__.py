"""Does it hold when the input does not? Attacks, certificates, drift, forgetting."""
