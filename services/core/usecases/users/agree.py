"""Agree to what another person does: a code that they hand in with their act, which proves who agreed."""

from services.core.storage import agreements, audit
from services.core.usecases.context import Context
from services.core.usecases.operations.two_people import Proof
from services.core.views.users import Agreement


def agree(context: Context, proof: Proof, *, by: str) -> Agreement:
    """Make a code by which who was let in by `proof` agrees once, within ten minutes."""
    with context.database.transaction() as session:
        code, expires_at, row = agreements.make(session, token_id=proof.token_id, session_id=proof.session_id)
        audit.record(session, actor=by, act="agreement.made", subject="agreement", subject_id=row.id)
        return Agreement(agreement_id=row.id, name=by, code=code, expires_at=expires_at)


def use_agreement(context: Context, code_hash: bytes) -> Proof | None:
    """Who agreed by a code, which is used up; `None` for one that proves nobody."""
    with context.database.transaction() as session:
        used = agreements.use(session, code_hash)
        return Proof(token_id=used.token_id, session_id=used.session_id) if used is not None else None
