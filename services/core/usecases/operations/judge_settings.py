"""What only the domain can say of a setting, said before a role begins: a wrong one must not be found at its use."""

from collections.abc import Collection

from services.core.domain.phone_numbers import KNOWN_COUNTRIES
from services.core.domain.templates import TemplateInvalid, TextTooLong, parse_template
from services.core.runtime.settings import ProviderKind, Settings, SettingsInvalid, variable

TEMPLATE = "not a text with fields: a field is {{first_name|there}}, and braces come in pairs"
WITH_A_PROVIDER = ("provider_api_key", "provider_phone_number_id", "provider_phone_number")
SIGNING_KEYS = ("webhook_secrets_standard", "webhook_secrets_legacy")


def judge_settings(configured: Settings, *, needs: Collection[str] = ()) -> None:
    """Raise `SettingsInvalid` with one line for every fault; `needs` are settings that the role can't be without."""
    faults = [*_texts(configured), *_countries(configured), *_missing(configured, needs)]
    if faults:
        raise SettingsInvalid("; ".join(faults))


def _texts(configured: Settings) -> list[str]:
    named: dict[tuple[str, ...], str] = {
        **{(name,): getattr(configured, name) for name in ("follow_up_text", "help_text", "reminder_text")},
        **{
            (name, kind): text
            for name in ("follow_up_texts", "reminder_texts")
            for kind, text in getattr(configured, name).items()
        },
    }
    return [f"{variable(*place)}: {TEMPLATE}" for place, text in named.items() if not _is_template(text)]


def _is_template(text: str) -> bool:
    try:
        parse_template(text)
    except (TemplateInvalid, TextTooLong):
        return False
    return True


def _countries(configured: Settings) -> list[str]:
    strange = [
        variable("allowed_countries", place)
        for place, country in enumerate(configured.allowed_countries)
        if country not in KNOWN_COUNTRIES
    ]
    return [f"{name}: no such country: write its two letters, as US" for name in strange]


def _missing(configured: Settings, needs: Collection[str]) -> list[str]:
    missing = [name for name in needs if not _is_given(configured, name)]
    if set(SIGNING_KEYS) & set(needs) and not all(name in missing for name in SIGNING_KEYS):
        missing = [name for name in missing if name not in SIGNING_KEYS]  # one of the two is enough
    return [f"{variable(name)}: it is empty, and this role can't work without" for name in missing]


def _is_given(configured: Settings, name: str) -> bool:
    if name in WITH_A_PROVIDER and configured.provider is ProviderKind.SIMULATOR:
        return True
    value = getattr(configured, name)
    return bool(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
