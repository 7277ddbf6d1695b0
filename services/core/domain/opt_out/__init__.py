"""What an inbound text means for consent: OPT_OUT.md beside this file says how it is decided."""

from services.core.domain.opt_out.decision import OptOutDecision, decide_opt_out

__all__ = ["OptOutDecision", "decide_opt_out"]
