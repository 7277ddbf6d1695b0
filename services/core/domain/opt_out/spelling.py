"""Finds keywords that are written wrongly or disguised: slips, run-together words, digits and signs for letters."""

import re
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Final

from services.core.domain.opt_out.grammar import GRAMMAR
from services.core.domain.opt_out.lexicon import (
    AMBIGUOUS,
    COURTESY,
    KEYWORDS,
    LANGUAGES,
    LEXICON,
    Phrases,
    compact,
    listed,
)
from services.core.domain.text_folding import fold_characters, join_spelt_out, read_pictures, split_words, squeeze

# Shorter or ambiguous keywords are too easily part of another word to be looked for inside one.
_SHORTEST_INSIDE: Final = 4
_LONGEST_GLUED: Final = 60
_SHORTEST_CORRECTED: Final = 6
_LONGEST_CORRECTED: Final = 20
_SHORTEST_SOUNDED: Final = 5
_FEWEST_SET_APART: Final = 3
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"

BARE: Final = Phrases(keyword for keyword in listed("keywords") if keyword not in AMBIGUOUS)


def fold(text: str) -> str:
    """Fold a text; letters that stand alone ("s t o p") or are drawn ("ST🔴P") join where they spell a keyword."""
    return join_spelt_out(fold_characters(read_pictures(text, _DISGUISED)), _SPELT_KEYWORD)


def keyword_of(sentence: str) -> str | None:
    """The keyword that is all the sentence says, courtesy aside."""
    said = " ".join(sentence.split()) + " "
    rest = COURTESY.without(said)
    keyword = KEYWORDS.fill(said) or KEYWORDS.fill(rest)
    return keyword.entry if keyword is not None else _glued_keyword(rest.replace(" ", ""))


def _glued_keyword(glued: str) -> str | None:
    """A keyword written with blanks inside ("st op"), over and over, or run together with a courtesy word."""
    repeated = _GLUED_WITH_COURTESY.match(glued)
    if repeated:
        return repeated[1]
    ending = _GLUED_ENDING.search(glued) if len(glued) <= _LONGEST_GLUED else None
    return ending[1] if ending and glued[: ending.start()] in _COURTESY_WORDS else None


def misspelt_keyword(words: list[str]) -> str | None:
    """The keyword that one of the words, or two of them together, is a slip away from."""
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        keyword = _misspelt(word, following)
        if keyword is not None:
            return keyword
    return _SLIPS_ALONE.get(words[0]) if len(words) == 1 else None


def _misspelt(word: str, following: str) -> str | None:
    if following in _SINGLE_KEYWORDS:
        following = ""
    if word in _SINGLE_KEYWORDS:
        return _SINGLE_KEYWORDS[word] if " " in _SINGLE_KEYWORDS[word] else None
    glued = _GLUED_WITH_OBJECT.match(word) or _GLUED_AFTER_COURTESY.match(word)
    if glued:
        return glued[1]
    return (
        _MISSPELT.get(word)
        or (_SINGLE_KEYWORDS.get(word.strip("0123456789")) if word[0].isdigit() or word[-1].isdigit() else None)
        or (_SINGLE_KEYWORDS.get(word + following) if len(word + following) >= _SHORTEST_INSIDE else None)
        or (_TWO_WORD_SLIPS.get(f"{word} {following}") if following else None)
    )


def leet_keyword(words: list[str]) -> str | None:
    """The keyword, or a slip of it, that words with digits or signs for letters spell."""
    read = {word: split_words(word.translate(_LEET)) for word in words if _LEET_WORD.fullmatch(word)}
    if not read:
        return None
    changed = set(chain.from_iterable(read.values()))
    plain = "".join(f"{word} " for original in words for word in read.get(original, [original]))
    for found in BARE.find(plain):
        if not changed.isdisjoint(plain[found.start : found.end].split()):
            return found.entry
    return next((_MISSPELT[word] for word in changed if word in _MISSPELT), None)


def sign_keyword(text: str) -> str | None:
    """The keyword in a text whose signs stand for letters ("s+op", "can(el", "st*p"); `text` is not folded."""
    for chunk in _SIGNED.finditer(text):
        signs = chunk[0].casefold()
        for written in (_with_signs(signs), signs.rstrip(".!?,;:")):
            letters = squeeze("".join(split_words(fold_characters(written.translate(_LEET)))))
            if letters in _DISGUISED and _SIGN.search(chunk[0].rstrip("!*")):
                return _DISGUISED[letters]
        wild = _WILDCARDS.sub(".", signs) if _WILDCARDS.search(signs) else None
        if wild is not None and len(wild) >= _SHORTEST_INSIDE and re.fullmatch(r"[a-z.]+", wild):
            pattern = re.compile(wild)
            for keyword in _WILD_KEYWORDS:
                if pattern.fullmatch(keyword):
                    return keyword
    return None


def _with_signs(chunk: str) -> str:
    for sign, letter in sorted(LEXICON["signs"].items(), key=lambda pair: -len(pair[0])):
        chunk = chunk.replace(sign, letter)
    return chunk


def parted(passage: str) -> str:
    """The passage with run-together words parted ("stopwiththetexts") and digits between words read as words."""

    def part(word: re.Match[str]) -> str:
        parts = None if word[0] in GRAMMAR.words else _parts_in_any_language(word[0])
        return " ".join(parts or [word[0]])

    return _RUN_TOGETHER.sub(part, passage)


def joined(passage: str) -> str:
    """The passage with sentences and lines of one word joined ("Lose. My. Number.")."""
    if passage.count("\n") + passage.count(".") < _FEWEST_SET_APART:
        return passage
    return _SET_APART.sub(lambda run: f"{' '.join(run[0].replace('.', '').split())}\n", passage)


def corrected(passage: str) -> str:
    """The passage with chat spelling and digits read, and words that no language knows put right by one slip."""

    def correct(word: re.Match[str]) -> str:
        written = word[0]
        if written in _CHAT:
            return _CHAT[written]
        if written in GRAMMAR.words:
            return written
        if _LEET_WORD.fullmatch(written):
            written = squeeze(written.translate(_LEET))
        if written in GRAMMAR.words or len(written) > _LONGEST_CORRECTED or written in _REAL_WORDS:
            return written
        sounded = _SOUNDS.get(_sound(written))
        if sounded is not None:
            return sounded
        if len(written) < _SHORTEST_CORRECTED:
            return written
        return _nearest(written) or written

    return _DOUBTED_WORD.sub(correct, passage)


def undisguised(passage: str) -> str:
    """The passage with digits for letters read where they spell a known word, and slips of the surest keywords,
    which are no words themselves, put right.
    """

    def read(word: str) -> str:
        if word in _SLIPS_OF_SURE_KEYWORDS:
            return _SLIPS_OF_SURE_KEYWORDS[word]
        if not _LEET_WORD.fullmatch(word):
            return word
        letters = squeeze(word.translate(_LEET))
        return letters if letters in GRAMMAR.words or letters in _SINGLE_KEYWORDS else word

    return _TOKEN.sub(lambda word: read(word[0]), passage)


def _sound(word: str) -> str:
    """What a word of Spanish, Portuguese or French sounds like, however it is spelt ("kiten", "resivir")."""
    for spelling, sound in _SAME_SOUNDS:
        word = word.replace(spelling, sound)
    return squeeze(word)


def _nearest(word: str) -> str | None:
    """The known word that is one slip away and begins with the same letter."""
    shortened = _one_shorter(word)
    nearest = chain(
        (right for right in shortened if right in _CORRECTED_WORDS),
        *(_CORRECTIONS.get(part, ()) for part in (word, *shortened)),
    )
    return next((right for right in nearest if right[0] == word[0]), None)


def _one_shorter(word: str) -> list[str]:
    return [word[:cut] + word[cut + 1 :] for cut in range(len(word))]


def _parts_in_any_language(word: str) -> list[str] | None:
    return next((parts for known in _PARTS for parts in [_parts(word, known)] if parts is not None), None)


def _parts(word: str, words: frozenset[str]) -> list[str] | None:
    """The fewest of the `words` that a word is run together from, or None."""
    fewest: list[list[str] | None] = [[], *[None] * len(word)]
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - _LONGEST_PART), end):
            before = fewest[start]
            if before is None:
                continue
            piece = word[start:end]
            # Squeezing may have swallowed a letter that ends one word and begins the next ("quittexting").
            if piece not in words and start and word[start - 1] + piece in words:
                piece = word[start - 1] + piece
            known = fewest[end]
            if piece in words and (known is None or len(before) + 1 < len(known)):
                fewest[end] = [*before, piece]
    parts = fewest[-1]
    return [_DIGIT_WORDS.get(part, part) for part in parts] if parts is not None and len(parts) > 1 else None


def _misspellings(keyword: str) -> set[str]:
    """Every word one slip away: a letter left out, doubled by another, changed, or swapped with its neighbour."""
    halves = [(keyword[:cut], keyword[cut:]) for cut in range(len(keyword) + 1)]
    dropped = {left + right[1:] for left, right in halves if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1}
    changed = {left + letter + right[1:] for left, right in halves if right for letter in _ALPHABET}
    added = {left + letter + right for left, right in halves for letter in _ALPHABET}
    return {squeeze(word) for word in dropped | swapped | changed | added} - {keyword}


_TOKEN: Final = re.compile(r"[^\s.]+")
_CHAT: Final[dict[str, str]] = LEXICON["misspelt"]["chat"]
_DOUBTED_WORD: Final = re.compile(
    rf"(?<!\S)(?:[^\s.]*[0-9$@][^\s.]*|[^\s.]{{{_SHORTEST_SOUNDED},}}|(?:{'|'.join(_CHAT)})(?![^\s.]))"
)
_LEET_WORD: Final = re.compile(r"(?=\S*[^\W\d_])[^\s0-9$@]*[0-9$@]\S*")
_LEET: Final = str.maketrans(LEXICON["leet"])
_SIGNED: Final = re.compile(r"(?<!\S)(?=\S*[^\W\d_])(?=\S*[+()\[\]{}|!€£*_•·.\-])\S{2,20}(?!\S)")
_SIGN: Final = re.compile(r"[+()\[\]{}|!€£]")
_WILDCARDS: Final = re.compile(r"[*_•·\-]+|\.(?=\w)")

_COURTESY_WORDS: Final = frozenset(compact(phrase) for _, phrase in listed("courtesy"))
_SINGLE_KEYWORDS: Final = {
    compact(phrase): phrase for language, phrase in listed("keywords") if (language, phrase) not in AMBIGUOUS
}
_INSIDE: Final = "|".join(
    sorted((word for word in _SINGLE_KEYWORDS if len(word) >= _SHORTEST_INSIDE), key=len, reverse=True)
)


def _glued_with(endings: Iterable[str]) -> re.Pattern[str]:
    """Keywords run together, with at most one ending; squeezing may have swallowed its first letter ("stoplease")."""
    choices = "|".join(f"{ending}|(?<={ending[0]}){ending[1:]}" for ending in endings if len(ending) > 1)
    return re.compile(f"({_INSIDE})(?:{_INSIDE})*(?:{choices})?\\Z")


_GLUED_WITH_COURTESY: Final = _glued_with(_COURTESY_WORDS)
_GLUED_WITH_OBJECT: Final = _glued_with(
    {compact(phrase) for kind in ("contacting", "texts", "object") for phrase in LANGUAGES["en"]["classes"][kind]}
)
_GLUED_AFTER_COURTESY: Final = re.compile(
    f"(?:{'|'.join(word for word in _COURTESY_WORDS if len(word) >= _SHORTEST_INSIDE)})({_INSIDE})"
)
_GLUED_ENDING: Final = re.compile(f"({_INSIDE})\\Z")
_SHORT_OR_OPPOSITE: Final = [
    compact(entry) for entry in ("end", "fin", "alto", "para", "baja", "dnc", *LEXICON["opt_in"], *LEXICON["help"])
]
_SPELT_KEYWORD: Final = re.compile(rf"\A(?:{'|'.join(_SHORT_OR_OPPOSITE)})\Z|{_INSIDE}")

_REAL_WORDS: Final = {compact(word) for word in LEXICON["misspelt"]["real_words"]}
_NOT_MISSPELT: Final = _REAL_WORDS | {compact(word) for _, word in chain(listed("keywords"), listed("courtesy"))}
_MISSPELT: Final = {
    word: keyword
    for keyword in LEXICON["misspelt"]["keywords"]
    for word in _misspellings(keyword)
    if word not in _NOT_MISSPELT
} | {compact(word): keyword for keyword, words in LEXICON["misspelt"]["also"].items() for word in words}
_SLIPS_OF_SURE_KEYWORDS: Final[dict[str, str]] = {
    word: keyword
    for word, keyword in _MISSPELT.items()
    if keyword in LEXICON["misspelt"]["sure"] and word not in LEXICON["misspelt"]["inflected"]
}
_SLIPS_ALONE: Final = dict.fromkeys(LEXICON["misspelt"]["alone"], "stop")
_TWO_WORD_SLIPS: Final = {
    f"{slip[:cut]} {slip[cut:]}": "opt out"
    for slip in _misspellings("optout") | {"optout"}
    for cut in (2, 3, 4)
    if slip not in LEXICON["misspelt"]["not_two_words"]
}
_DISGUISED: Final = {word: entry for word, entry in _SINGLE_KEYWORDS.items() if len(word) >= _SHORTEST_INSIDE} | {
    "end": "end"
}
_WILD_KEYWORDS: Final = [
    word for word in _DISGUISED if len(word) >= _SHORTEST_INSIDE and word in LEXICON["misspelt"]["keywords"]
]

_DIGIT_WORDS: Final = {"4": "for", "2": "to", "u": "you"}
_PARTS: Final = (
    frozenset({*GRAMMAR.single_words("en"), *LEXICON["run_together"], "4", "2"}),
    *(frozenset(GRAMMAR.single_words(language)) for language in ("es", "pt", "fr", "ht")),
)
_LONGEST_PART: Final = 12
# English words are run together in any order; elsewhere a denial or an act begins the word.
_RUN_TOGETHER: Final = re.compile(
    rf"(?<!\S)(?:(?=[a-z0-9]{{6,{_LONGEST_GLUED}}}[ \n])[a-z0-9]*?"
    r"(?:stop|quit|end|unsub|optout|remove|delete|nomore|dont|donot|leave|takem|cancel|notext|nomes|block|never|lose)"
    rf"|(?=[a-z0-9]{{8,{_LONGEST_GLUED}}}[ \n])(?:porfavor|ya|tanpri)?"
    r"(?:no(?:mas|me|man|envi|escri|lla|quiero)|nao|deje|pare|parade|aret|plusde|pavoye|pavle|paekri|parele|sispan))"
    r"[a-z0-9]*"
)
_SET_APART: Final = re.compile(rf"(?:(?<=\. )|(?<=\n)|\A)(?:[^\s.]+(?: \. |\n)){{{_FEWEST_SET_APART},}}")
_CORRECTED_KINDS: Final = frozenset(LEXICON["misspelt"]["kinds"])
_CORRECTED_WORDS: Final = frozenset(
    word for word in GRAMMAR.correctable(_CORRECTED_KINDS) if len(word) >= _SHORTEST_CORRECTED
)
_SAME_SOUNDS: Final = (
    *(("qu", "k"), ("ce", "se"), ("ci", "si"), ("c", "k"), ("q", "k"), ("z", "s"), ("x", "s")),
    *(("v", "b"), ("h", ""), ("y", "i"), ("w", "u"), ("ge", "je"), ("gi", "ji"), ("m", "n")),
)
_SOUNDS: Final = {
    _sound(word): word for word in sorted(GRAMMAR.correctable(_CORRECTED_KINDS)) if len(word) >= _SHORTEST_SOUNDED
}
_CORRECTIONS: Final[dict[str, list[str]]] = {}
for _right in sorted(_CORRECTED_WORDS):
    for _part in _one_shorter(_right):
        _CORRECTIONS.setdefault(_part, []).append(_right)
