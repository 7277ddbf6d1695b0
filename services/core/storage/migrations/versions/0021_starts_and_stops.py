"""A campaign starts at a time, and says why it stopped itself; since when the provider refuses the account."""

from alembic import op

from services.core.storage.migrations import online

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COLUMNS = (
    "starts_at timestamptz",
    "drift jsonb",
    "judged_since timestamptz",
    "stopped_at timestamptz",
    "stopped_because varchar",
    "stopped_detail jsonb",
)
REASONS = (
    *("many_failed", "many_undelivered", "many_opt_outs", "provider_refuses_account"),
    *("plan_drifted", "plan_refused", "end_passed"),
)


def upgrade() -> None:
    for column in COLUMNS:
        op.execute(f"ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS {column}")
    op.execute("ALTER TABLE installation ADD COLUMN IF NOT EXISTS breaker_since timestamptz")
    online.add_check(
        "ck_campaigns_starts_from_a_plan",
        "campaigns",
        "status IN ('draft', 'cancelled')"
        " OR plan_hash IS NOT NULL AND CASE status WHEN 'scheduled' THEN starts_at ELSE started_at END IS NOT NULL",
    )
    reasons = ", ".join(f"'{reason}'" for reason in REASONS)
    online.add_check("ck_campaigns_stopped_because_known", "campaigns", f"stopped_because IN ({reasons})")
    online.add_check(
        "ck_campaigns_stopped_for_a_reason", "campaigns", "(stopped_because IS NULL) = (stopped_at IS NULL)"
    )
    online.create_index("ix_campaigns_stopped", "campaigns", ["stopped_at"], where="stopped_because IS NOT NULL")
