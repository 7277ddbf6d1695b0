"""Operators' templates: literal text, `{{field}}` and `{{field|fallback}}`, filled in one pass; there is no engine."""

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from services.core.domain.segments import normalise_text, utf16_length

KNOWN_FIELDS: Final = frozenset({"first_name", "last_name", "city", "state", "zip", "external_id"})

# The provider's "Send a text message": 1 to 1,600 characters. It doesn't say what an emoji counts, so the larger.
MAXIMUM_LENGTH: Final = 1600

_BRACES: Final = re.compile(r"\{+|\}+")
_FIELD: Final = re.compile(r"\{\{[^{}]*\}\}")
_CALL: Final = re.compile(r"\w+\s*(\(.*\)|:\s*['\"].*)", re.DOTALL)
# A fallback that is one of these words is meant as a filter: "Hi upper" would go to real people.
_FILTER: Final = re.compile(
    "capitalize|default|downcase|escape|lower|lowercase|safe|title|trim|truncate|upcase|upper|uppercase|urlencode",
    re.IGNORECASE,
)
_UNSENDABLE: Final = re.compile("[\0\ud800-\udfff]")

# Services whose domain many senders share: carriers filter texts that link through them.
_SHORT_LINK: Final = re.compile(
    r"(?<![\w.@-])(?:https?://)?(?:[a-z0-9-]+\.)*"
    r"(?:adf\.ly|bit\.do|bit\.ly|bl\.ink|buff\.ly|clck\.ru|cutt\.ly|goo\.gl|is\.gd|j\.mp|lnkd\.in|ow\.ly|qr\.ae|rb\.gy"
    r"|rebrand\.ly|s\.id|short\.io|shorte\.st|shorturl\.at|snip\.ly|soo\.gd|t\.co|t\.ly|t2m\.io|tiny\.cc|tinyurl\.com"
    r"|tr\.im|v\.gd)(?!\.?[\w-])",
    re.ASCII | re.IGNORECASE,
)
# "Reply STOP", "text us STOP", "STOP to opt out", and the same in the languages of our opt-out words. The word alone
# ("we stop leaks") tells nobody how to opt out.
_OPT_OUT_LINE: Final = re.compile(
    r"(?:\b(?:reply(?:ing)?|text(?:ing)?|txt|send(?:ing)?|respond(?:ing)?|answer|responda|responde|env[ií][ae]"
    r"|r[eé]pondez|envoyez|reponn|voye)|回复|回覆|发送|發送|傳送)"
    r"(?: back| us| with| w/| the word| la palabra| le mot| con| com)*:? ?[\"'“‘«]?"
    r"\b(?:stop|unsubscribe|quit|cancel|opt[ -]?out|alto|parar|pare|sair|arr[eê]t|sispann)\b"
    r"|\bstop\b[\"'”’»]? ?(?:to|2|=|para|pour|pou) ?(?:stop|end|opt|quit|cancel|unsub|be removed|n[o']|ne)",
    re.ASCII | re.IGNORECASE,
)


class TemplateInvalid(ValueError):
    """A template that cannot be stored.

    `position` counts characters from 0 in the normalised text, `code` is stable, `message` names the remedy.
    """

    def __init__(self, code: str, position: int, message: str) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.code = code
        self.position = position
        self.message = message


class TextTooLong(ValueError):
    """A rendered text beyond the provider's limit; `length` is in UTF-16 units."""

    def __init__(self, length: int) -> None:
        super().__init__(f"the text has {length} UTF-16 units, {MAXIMUM_LENGTH} is the limit")
        self.length = length


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    fallback: str | None
    position: int


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: its normalised text and its parts, literal text or a field."""

    text: str
    parts: tuple[str | Field, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, each once, in order of appearance."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Field)))


@dataclass(frozen=True, slots=True)
class Rendered:
    text: str


@dataclass(frozen=True, slots=True)
class MissingFields:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason not to send a marketing text; `position` counts characters from 0 in the normalised text."""

    code: str
    position: int
    message: str


def field_key(name: str) -> str:
    """What two spellings of a field or a CSV column share: case, spaces, underscores and invisible signs count not."""
    return "".join(
        letter
        for letter in unicodedata.normalize("NFC", name).casefold()
        if letter != "_" and not letter.isspace() and unicodedata.category(letter) != "Cf"
    )


def parse_template(text: str, *, known_fields: frozenset[str] | None = None) -> Template:
    """Parse an operator's template; `known_fields` are custom fields besides `KNOWN_FIELDS`.

    Names match as CSV headers do. Braces stand only around fields. Raises `TemplateInvalid` for anything else, for a
    text beyond 1,600 UTF-16 units and for one that could be sent blank.
    """
    text = normalise_text(text)
    _check_text(text)
    names = {field_key(name): name for name in (known_fields or frozenset()) | KNOWN_FIELDS}
    parts = tuple(_split(text, names))
    if all(_may_be_blank(part) for part in parts):
        raise TemplateInvalid("may_be_blank", 0, "the text could be blank: add words or a fallback")
    return Template(text, parts)


def render(template: Template, values: Mapping[str, str]) -> Rendered | MissingFields:
    """Fill a template in one pass; values are inert and a blank one counts as missing.

    Returns the normalised text or the names of all fields without value and fallback. Raises `TextTooLong`.
    """
    filled, missing = [], []
    for part in template.parts:
        if isinstance(part, str):
            filled.append(part)
        elif not is_blank(value := values.get(part.name)):
            filled.append(value or "")
        elif part.fallback is not None:
            filled.append(part.fallback)
        else:
            missing.append(part.name)
    if missing:
        return MissingFields(tuple(dict.fromkeys(missing)))
    text = normalise_text("".join(filled))
    if (length := utf16_length(text)) > MAXIMUM_LENGTH:
        raise TextTooLong(length)
    return Rendered(text)


def check_marketing_text(text: str, *, first_message: bool) -> list[Finding]:
    """Find what carriers filter or the law asks for in a marketing text, a template or a rendered one.

    A link shortener anywhere, and in a first message no line that says how to opt out (outside of the fields: a
    fallback reaches only some people). A missing line is reported at the end, where it belongs.
    """
    text = normalise_text(text)
    findings = [
        Finding("link_shortener", link.start(), "carriers filter shared link shorteners: write the full address")
        for link in _SHORT_LINK.finditer(text)
    ]
    if first_message and not _OPT_OUT_LINE.search(_FIELD.sub("{}", text)):
        message = 'a first message says how to opt out: add "Reply STOP to opt out"'
        findings.append(Finding("no_opt_out_line", len(text), message))
    return findings


def is_blank(text: str | None) -> bool:
    """True without a visible character: the provider refuses such a text."""
    if not text or not text.strip():
        return True
    return not text.isascii() and all(
        letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf") for letter in text
    )


def _may_be_blank(part: str | Field) -> bool:
    text = part if isinstance(part, str) else part.fallback
    return text is not None and is_blank(text)


def _check_text(text: str) -> None:
    if is_blank(text):
        raise TemplateInvalid("blank", 0, "the text is empty or only spaces: write what to send")
    if unsendable := _UNSENDABLE.search(text):
        raise TemplateInvalid("unsendable_character", unsendable.start(), "this character cannot be sent: remove it")
    if (length := utf16_length(text)) > MAXIMUM_LENGTH:
        message = f"the text has {length} characters: shorten it to {MAXIMUM_LENGTH} (most emoji count as two)"
        raise TemplateInvalid("too_long", _position_of_unit(text, MAXIMUM_LENGTH), message)


def _position_of_unit(text: str, unit: int) -> int:
    return len(text.encode("utf-16-le")[: 2 * unit].decode("utf-16-le", errors="ignore"))


def _split(text: str, names: Mapping[str, str]) -> Iterator[str | Field]:
    """Walk over the runs of braces: they must be `{{`, `}}`, `{{`, `}}` ..."""
    end = 0
    while opening := _BRACES.search(text, end):
        _check_opening(text, opening)
        closing = _BRACES.search(text, opening.end())
        if closing is None:
            raise TemplateInvalid("unclosed", opening.start(), "this field is not closed: end it with }}")
        if "{" in closing[0]:
            raise TemplateInvalid(
                "nested", closing.start(), "a field cannot stand inside a field: close it with }} first"
            )
        if closing[0] != "}}":
            raise TemplateInvalid("unknown_syntax", closing.start(), "a field ends with exactly two braces: }}")
        if end < opening.start():
            yield text[end : opening.start()]
        yield _read_field(text[opening.end() : closing.start()], opening.start(), names)
        end = closing.end()
    if end < len(text):
        yield text[end:]


def _check_opening(text: str, braces: re.Match[str]) -> None:
    if braces[0] == "{{":
        return
    if braces[0].startswith("{{{"):
        raise TemplateInvalid("nested", braces.start(), "a field begins with exactly two braces: {{field}}")
    if braces[0].startswith("}"):
        raise TemplateInvalid("unopened", braces.start(), "this brace closes nothing: remove it or write {{field}}")
    following = text[braces.end() : braces.end() + 1]
    remedy = "tags and comments do not exist here" if following in ("%", "#") else "braces only stand around fields"
    raise TemplateInvalid("unknown_syntax", braces.start(), f"{remedy}: write {{{{field}}}} or {{{{field|fallback}}}}")


def _read_field(inside: str, position: int, names: Mapping[str, str]) -> Field:
    written, separator, rest = inside.partition("|")
    fallback = rest.strip() if separator else None
    name = names.get(field_key(written))
    if name is None:
        raise _unknown_field(written.strip(), position, names)
    if fallback is None:
        return Field(name, None, position)
    if "|" in fallback or _CALL.fullmatch(fallback) or _FILTER.fullmatch(fallback):
        message = f"there are no filters: after the | stands the text for people without {name}"
        raise TemplateInvalid("filter_call", position + 2 + len(written), message)
    return Field(name, fallback, position)


def _unknown_field(written: str, position: int, names: Mapping[str, str]) -> TemplateInvalid:
    if not re.fullmatch(r"[\w -]+", written):
        return TemplateInvalid("unknown_syntax", position, "write {{field}} or {{field|fallback}}, nothing else")
    close = difflib.get_close_matches(field_key(written), names, n=1)
    remedy = f"did you mean {names[close[0]]}?" if close else f"known are {', '.join(sorted(names.values()))}"
    return TemplateInvalid("unknown_field", position, f"there is no such field: {remedy}")
