"""Values that a row keeps as JSON: written and read here, and nowhere else.

A field that is None is left out, and one that a row lacks, or has as null, takes its default: so a new field needs no
migration and reads old rows. A key that this release doesn't know was written by a later one, and is refused where
something is done by the value: an audience read without its exclusions would be another audience.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, get_type_hints

from services.core.domain.failures import Conflict


class FormUnknown(Conflict):
    """What a row keeps is of a form that this release can't read."""

    def __init__(self, noun: str, detail: str) -> None:
        super().__init__("stored_form_unknown", f"{noun}: {detail}: go back to the release that wrote it")


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a field is kept, as an annotation of its type; `key` where it isn't the field's name."""

    key: str = ""
    read: Callable[[Any], Any] = _as_it_is
    write: Callable[[Any], Any] = _as_it_is


PLAIN = Form()
FORMS: dict[type[Any], Mapping[str, tuple[str, Form]]] = {}


@dataclass(frozen=True, slots=True)
class Stored:
    """A frozen value that a row keeps as one JSON object; a field that JSON doesn't know is annotated by a `Form`.

    One that is only `SHOWN` is read without what a later release added to it.
    """

    SHOWN: ClassVar[bool] = False

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json`, of this release or an earlier one, has written. Raises `FormUnknown`."""
        forms = _forms(cls)
        unknown = sorted(document.keys() - forms.keys())
        if unknown and not cls.SHOWN:
            raise FormUnknown(cls.__name__, f"unknown: {', '.join(unknown)}")
        given = {key: value for key, value in document.items() if value is not None and key in forms}
        try:
            return cls(**{forms[key][0]: forms[key][1].read(value) for key, value in given.items()})
        except (TypeError, ValueError, ArithmeticError) as error:
            raise FormUnknown(cls.__name__, f"unreadable ({type(error).__name__})") from error

    def as_json(self) -> dict[str, Any]:
        """The form that a row keeps."""
        values = ((key, form, getattr(self, name)) for key, (name, form) in _forms(type(self)).items())
        return {key: form.write(value) for key, form, value in values if value is not None}


def _forms(cls: type[Stored]) -> Mapping[str, tuple[str, Form]]:
    """The name and the form of each field, by its key."""
    if cls not in FORMS:
        FORMS[cls] = _forms_of(cls)
    return FORMS[cls]


def _forms_of(cls: type[Stored]) -> dict[str, tuple[str, Form]]:
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for each in fields(cls):
        notes = getattr(hints[each.name], "__metadata__", ())
        form = next((note for note in notes if isinstance(note, Form)), PLAIN)
        found[form.key or each.name] = (each.name, form)
    return found
