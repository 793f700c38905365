"""Why did the network say that? Attributions, hooks, probes and tests of explanations."""
