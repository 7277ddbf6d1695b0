"""Texts about somebody else: who is named in them, and whether they ask us to leave that person alone.

Such a text opts nobody out by itself: its sender may go on hearing from us, and the number that is meant belongs to a
person who has said nothing. Somebody of ours reads it and decides.
"""

import re
import unicodedata

from phonenumbers import Leniency, PhoneNumberMatcher

from services.core.domain.opt_out import OptOutDecision
from services.core.domain.opt_outs import InboundMeaning
from services.core.domain.phone_numbers import PhoneNumber, parse_phone_number

NAMES_ANOTHER = "names_another_number"
ABOUT_SOMEBODY = "about_somebody_else"
FEWEST_DIGITS = 10


def numbers_in(text: str, *, allowed_countries: frozenset[str] = frozenset({"US"})) -> tuple[str, ...]:
    """The telephone numbers in a text, in E.164 and in their order, each once; in any script and form of writing."""
    plain = "".join(map(_plain, text)) if not text.isascii() else text
    parsed = (
        parse_phone_number(found.raw_string, allowed_countries=allowed_countries, allow_test_numbers=True)
        for found in PhoneNumberMatcher(plain, "US", leniency=Leniency.POSSIBLE)
        if sum(map(str.isdigit, found.raw_string)) >= FEWEST_DIGITS
    )
    return tuple(dict.fromkeys(number.e164 for number in parsed if isinstance(number, PhoneNumber)))


def others_named(text: str, *, sender: str, allowed_countries: frozenset[str] = frozenset({"US"})) -> tuple[str, ...]:
    """The numbers in a text that are not its sender's own."""
    return tuple(number for number in numbers_in(text, allowed_countries=allowed_countries) if number != sender)


def about_whom(
    decision: OptOutDecision, text: str, *, sender: str, allowed_countries: frozenset[str] = frozenset({"US"})
) -> OptOutDecision:
    """The decision about a text, doubtful instead of an opt-out where it is about somebody else than its sender."""
    if decision.meaning is not InboundMeaning.OPT_OUT:
        return decision
    if others_named(text, sender=sender, allowed_countries=allowed_countries):
        return OptOutDecision(InboundMeaning.DOUBTFUL, NAMES_ANOTHER)
    if asks_for_somebody(text):
        return OptOutDecision(InboundMeaning.DOUBTFUL, ABOUT_SOMEBODY)
    return decision


_OF_SOMEBODY = "|".join(
    (
        r"(?:my|our|his|her|their) (?:\w+ )?(?:dad|daddy|father|pop|mom|mum|mommy|mother|parents?|husband|wife|spouse"
        r"|son|daughter|kids?|child|children|brother|sister|sibling|uncle|aunt|cousin|nephew|niece|grand\w+|gran|boss"
        r"|friend|girlfriend|boyfriend|partner|fiancee?|ex|roommate|neighbou?rs?|tenants?|landlord|employees?|coworkers?"
        r"|colleagues?|client|customers?|office|staff|family)",
        r"(?:mi|mis|su|nuestro|nuestra) (?:papa|padre|mama|madre|padres|esposo|esposa|marido|mujer|hijo|hija|hijos"
        r"|hermano|hermana|tio|tia|primo|prima|abuel[oa]|abuelos|jefe|jefa|amigo|amiga|novio|novia|vecino|vecina)",
        r"(?:meu|minha|meus|nosso|nossa) (?:pai|mae|pais|marido|esposa|mulher|filho|filha|irmao|irma|tio|tia|primo"
        r"|prima|avo|chefe|amigo|amiga|namorado|namorada|vizinho|vizinha)",
        r"(?:mon|ma|mes|notre) (?:pere|mere|parents|mari|femme|fils|fille|frere|soeur|oncle|tante|cousin|cousine"
        r"|grand\w*|patron|patronne|ami|amie|copain|copine|voisin|voisine)",
        r"(?:papa|manman|mari|madanm|pitit|fre|se|tonton|matant|kouzen|granpe|gran|patwon|zanmi|vwazen) (?:mwen|m|nou)",
    )
)
_AFTER = (
    r"(?:text(?:ing|s)?|messag(?:e|es|ing)|contact(?:ing)?|call(?:ing)?|bother(?:ing)?|harass(?:ing)?|spam(?:ming)?"
    r"|send(?:ing)?(?: \w+){0,3} to|stop|remove|delete|unsubscribe|take|leave|opt"
    r"|(?:escrib|molest|llam|mand|envi|contact|mensaj)\w*(?: \w+){0,2} a"
    r"|(?:escrev|lig|incomod|mensage)\w*(?: \w+){0,2} (?:para|a)"
    r"|(?:ecri|envo|appel|message)\w*(?: \w+){0,2} a|contacter|deranger|ekri|voye(?: \w+){0,2} bay|rele|kite)"
)
_ABOUT_SOMEBODY = re.compile(rf"\b{_AFTER} (?:to |a |o |out )?(?:{_OF_SOMEBODY})\b")


def asks_for_somebody(text: str) -> bool:
    """Whether a request is about a relation of its sender's: stop texting my dad, and not: stop, my dad is ill."""
    letters = unicodedata.normalize("NFKD", text.casefold()).replace("'s", " ")
    words = " ".join(re.findall(r"\w+|[^\w\s]", "".join(each for each in letters if not unicodedata.combining(each))))
    return _ABOUT_SOMEBODY.search(words) is not None


def _plain(character: str) -> str:
    """Another script's digit as ours; superscripts and circled numbers are no digits of a telephone number."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return unicodedata.normalize("NFKC", character) if not character.isdigit() else character
