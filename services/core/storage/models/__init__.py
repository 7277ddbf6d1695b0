"""The tables. Every invariant that the database can hold is a key or a check here, not in code alone."""

from services.core.storage.models.audience import Contact, Import, ImportRow, OptOut, Review
from services.core.storage.models.campaign import Campaign, Recipient
from services.core.storage.models.inbox import Effect, InboxEvent
from services.core.storage.models.installation import ApiToken, AuditEntry, IdempotencyKey, Installation
from services.core.storage.models.message import Attempt, CapCounter, GateDecisionRow, Look, Message
from services.core.storage.models.metadata import Base
from services.core.storage.models.schedule import BeatLease, HealthReport, ScheduleControl, ScheduledRun
from services.core.storage.models.user import Agreement, Password, RecoveryCode, SignInLink, User, UserSession
from services.core.storage.models.work import DeadLetter, Job, TaskRun

__all__ = [
    "Agreement",
    "ApiToken",
    "Attempt",
    "AuditEntry",
    "Base",
    "BeatLease",
    "Campaign",
    "CapCounter",
    "Contact",
    "DeadLetter",
    "Effect",
    "GateDecisionRow",
    "HealthReport",
    "IdempotencyKey",
    "Import",
    "ImportRow",
    "InboxEvent",
    "Installation",
    "Job",
    "Look",
    "Message",
    "OptOut",
    "Password",
    "Recipient",
    "RecoveryCode",
    "Review",
    "ScheduleControl",
    "ScheduledRun",
    "SignInLink",
    "TaskRun",
    "User",
    "UserSession",
]
