"""What the codes of decisions and refusals mean, in words. Programs get the codes; pages and tables show these."""

from collections.abc import Mapping
from typing import Final

from services.core.domain.send_gate import Gate

GATES: Final = frozenset(Gate) - {Gate.OPEN}
WORDS: Final[Mapping[str, str]] = {
    # the person
    "opted_out": "asked to get no more texts",
    "contact_opted_out": "asked to get no more texts",
    "contact_erased": "asked to be forgotten",
    "contact_paused_for_review": "wrote something doubtful: somebody has to decide (reviews list)",
    "paused_for_review": "wrote something doubtful: somebody has to decide (reviews list)",
    "suppressed": "is not to be texted",
    "provider_refused_number": "the provider refuses the number",
    "contact_frequency": "was texted too short a while ago",
    "facts_disagree": "state, zone and number don't fit together: the strictest hours hold",
    # the time
    "no_common_hours": "no hour is inside both the sending hours and the law of where they live",
    "legal_hours_closed": "at this hour the law of where they live forbids texts",
    "business_window_closed": "outside the campaign's sending hours",
    "closing_soon": "too close to the end of the lawful hours",
    # the campaign and the installation
    "campaign_cancelled": "the campaign was cancelled",
    "campaign_ended": "the campaign's end has come",
    "campaign_paused": "the campaign is paused",
    "campaign_draft": "the campaign has not been started",
    "campaign_scheduled": "the campaign has not begun",
    "campaign_finished": "the campaign is finished",
    "cancelled_by_operator": "somebody cancelled it",
    "sending_stopped": "somebody stopped all sending",
    "database_rewound": "the database was put back: somebody has to adopt it (sending status)",
    "database_unchecked": "the database was started anew and is being compared with the provider",
    "provider_refuses_account": "the provider refuses our account",
    "another_text_in_flight": "another text to this number is on its way",
    "number_daily_cap": "our number has sent all it may today",
    "account_daily_cap": "the account has sent all it may today",
    "allowed": "may be sent",
    # why a campaign stopped itself, or did not start
    "many_failed": "too many of its texts failed",
    "many_undelivered": "too many of its texts were not delivered",
    "many_opt_outs": "too many people asked to get no more texts",
    "plan_drifted": "its plan had changed too much since it was approved",
    "plan_refused": "its plan could not be made any more",
    "end_passed": "its end had passed",
    # the text
    "text_too_long": "the text is too long",
    "missing_fields": "these fields are empty and have no fallback",
    # what became of it
    "submitting": "is on its way to the provider",
    "attempts_exhausted": "every attempt failed",
    "process_deaths": "its worker died again and again",
    "worker_lost": "its worker was lost in the middle",
    "never_started": "no byte of it left",
    "soft_time_limit": "it took too long",
    "no_such_message": "there is no such message",
    "message_not_bound_yet": "its text is not known here yet",
    "provider_id_already_bound": "another text has this id of the provider",
    "effect_had_before": "it did what another event had done",
    "timestamp_outside_tolerance": "it was signed too long ago",
    # the provider's refusals
    "invalid_message": "the provider can't read the text",
    "not_found": "the provider doesn't know what was named",
    "invalid_recipient": "the provider calls the number invalid",
    "unreachable_recipient": "the number can't be reached",
    "international_not_allowed": "the provider's account may not text abroad",
    "registration_missing": "our number is not registered with the carriers",
    "unauthorized": "the provider doesn't accept our key",
    "no_credit": "the provider's account has no credit",
    "subscription_expired": "the provider's subscription has ended",
    "sender_not_allowed": "our number may not send",
    "daily_cap_reached": "the provider's own daily limit is reached",
    "forbidden": "the provider forbids it",
    "rate_limited": "the provider asked for fewer requests",
    "route_missing": "the provider has no such address",
    "list_refused": "the provider refuses to list our texts",
    # the schedule's jobs
    "queue_daily_campaigns": "queue the day's texts",
    "check_completed_jobs": "follow up on completed jobs",
    "operational_health_check": "look at the health of every part",
    "cleanup_webhook_cache": "delete what is kept no longer",
    "audit_gaps": "ask the provider for texts that we missed",
    "send_canaries": "send a test through every queue",
    # states
    "draft": "draft",
    "dry_run": "not taken over yet",
    "confirming": "being taken over",
    "confirmed": "taken over",
    "accepted": "new",
    "merged": "known already",
    "rejected": "refused",
    "pending": "still to come",
    "uncertain": "not known whether it left",
    "held": "held for a decision",
    "undelivered": "not delivered",
    "skipped": "not sent",
    # what a file's rows are warned of
    "extension_dropped": "an extension was left out of the number",
    # rows of files
    "missing": "no number",
    "not_a_number": "not a phone number",
    "scientific_notation": "a number that a spreadsheet rounded: format the column as text",
    "too_short": "too few digits",
    "too_long": "too many digits",
    "invalid_area_code": "no such area code or exchange",
    "country_not_allowed": "of a country that isn't allowed",
    "not_textable": "a number that takes no texts",
    "two_numbers": "two numbers in one cell",
    "bad_bytes": "characters that can't be read",
    "field_too_long": "a cell is too long",
    "ragged": "more or fewer cells than the header has",
    "bad_opt_out_mark": "the do-not-text column says neither yes nor no",
}


def in_words(code: str) -> str:
    """The code for a person: `suppressed:provider_refused_number` and `G3: legal_hours_closed` too.

    What the glossary lacks is shown as it stands, without its underscores.
    """
    gate, separator, rest = code.partition(": ")
    if separator and gate in GATES:
        code, _, rest = rest.partition(", ")
        return in_words(code) + (f", {rest}" if rest else "")
    if " " in code:
        return code
    name, separator, detail = code.partition(":")
    words = WORDS.get(name, name.replace("_", " "))
    return f"{words}: {WORDS.get(detail, detail.replace(',', ', '))}" if separator else words
