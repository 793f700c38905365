"""Governance: statements about models, kept with what would prove or refute them.

Claim  ClaimsRegister  Verdict
"""

from kit.governance.claims import Claim, ClaimsRegister, Verdict

__all__ = ["Claim", "ClaimsRegister", "Verdict"]
