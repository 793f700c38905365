"""Does it treat groups alike? Rates by group, gaps, mitigation, an audit."""
