"""What does it give away? Noise, accounts, anonymity, encryption, attacks."""
