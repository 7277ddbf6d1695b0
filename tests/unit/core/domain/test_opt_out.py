"""The opt-out decision, held to a corpus of phrasings and to what must not change with the way a text is written."""

import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.opt_out import OptOutDecision, decide_opt_out
from services.core.domain.opt_out.grammar import GRAMMAR, Grammar
from services.core.domain.opt_out.lexicon import LANGUAGES, expression, load_grammar
from services.core.domain.opt_outs import InboundMeaning
from services.core.domain.text_folding import fold_characters, split_words

DATA = Path(__file__).parent / "data"
CORPUS: dict[str, dict[str, list[str]]] = json.loads((DATA / "opt_out_corpus.json").read_text(encoding="utf-8"))
CASES = [
    pytest.param(text, InboundMeaning(meaning), id=f"{meaning}-{group}-{number}")
    for meaning, groups in CORPUS.items()
    for group, texts in groups.items()
    for number, text in enumerate(texts)
]
TEXTS = [text for groups in CORPUS.values() for texts in groups.values() for text in texts]
CLEAR_KEYWORDS = CORPUS["opt_out"]["keywords"]
PAUSED = {InboundMeaning.OPT_OUT, InboundMeaning.DOUBTFUL}

ZERO_WIDTH = st.sampled_from(
    ["", "", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u0301", "\ufe0f", "\0"]
)
PADDING = st.text(alphabet=" \t\n\u00a0\u2003", max_size=5)
ENDING = st.text(alphabet=".!?…,;👍😡🛑❤", max_size=5)


class TestCorpus:
    @pytest.mark.parametrize(("text", "meaning"), CASES)
    def test_each_phrasing_means_what_people_mean(self, text: str, meaning: InboundMeaning) -> None:
        assert decide_opt_out(text).meaning is meaning

    def test_is_large_and_every_meaning_and_language_is_in_it(self) -> None:
        assert len(CASES) >= 1000
        assert set(CORPUS) == set(InboundMeaning)
        assert {"spanish", "portuguese", "french", "haitian_creole", "chinese"} <= CORPUS["opt_out"].keys() & CORPUS[
            "none"
        ]

    def test_no_phrasing_stands_under_two_meanings(self) -> None:
        assert len(TEXTS) == len(set(TEXTS))


class TestRules:
    @pytest.mark.parametrize(
        ("text", "decision"),
        [
            ("STOP", OptOutDecision(InboundMeaning.OPT_OUT, "keyword", "stop")),
            ("lose my number", OptOutDecision(InboundMeaning.OPT_OUT, "request", "lose my <contact>")),
            ("STOP. Never mind", OptOutDecision(InboundMeaning.DOUBTFUL, "contrary_sentence", "never mind")),
            ("don't stop", OptOutDecision(InboundMeaning.DOUBTFUL, "negated_keyword", "stop")),
            ("stpo", OptOutDecision(InboundMeaning.OPT_OUT, "disguised", "stop")),
            ("st0p", OptOutDecision(InboundMeaning.OPT_OUT, "disguised", "stop")),
            ("stpo 12 Main St", OptOutDecision(InboundMeaning.DOUBTFUL, "misspelt_keyword", "stop")),
            ("st0p 12 Main St", OptOutDecision(InboundMeaning.DOUBTFUL, "leet_keyword", "stop")),
            ("what does stop mean", OptOutDecision(InboundMeaning.DOUBTFUL, "keyword_in_sentence", "stop")),
            ("Not interested", OptOutDecision(InboundMeaning.DOUBTFUL, "doubtful_phrase", "not interested")),
            ("> STOP", OptOutDecision(InboundMeaning.DOUBTFUL, "quoted_request", "stop")),
            ("🛑", OptOutDecision(InboundMeaning.DOUBTFUL, "stop_sign", "🛑")),
            ("OPT-IN", OptOutDecision(InboundMeaning.OPT_IN, "opt_in", "opt in")),
            ("Help!", OptOutDecision(InboundMeaning.HELP, "help", "help")),
            ("bus stop", OptOutDecision(InboundMeaning.NONE, "innocent_use", None)),
            ("see you at nine", OptOutDecision(InboundMeaning.NONE, "nothing_said", None)),
        ],
    )
    def test_the_rule_and_the_lexicon_entry_are_named(self, text: str, decision: OptOutDecision) -> None:
        assert decide_opt_out(text) == decision

    def test_a_later_stop_outweighs_a_contrary_sentence_before_it(self) -> None:
        assert decide_opt_out("STOP. Never mind. STOP").meaning is InboundMeaning.OPT_OUT

    def test_no_keyword_has_more_than_five_words(self) -> None:
        keywords = [entry for listed in LANGUAGES.values() for entry in listed["keywords"]]
        assert all(len(entry.split()) <= 5 for entry in keywords)

    @pytest.mark.parametrize("kind", ["requests", "innocent", "doubtful", "contrary"])
    def test_every_lexicon_entry_compiles_and_uses_known_classes(self, kind: str) -> None:
        for language, listed in LANGUAGES.items():
            assert all(expression(entry, language) for entry in listed[kind])


class TestOptIn:
    @pytest.mark.parametrize(
        "word", ["START", "start", "Start.", "S T A R T", "unstop", "OPT-IN", "optin", "Subscribe!"]
    )
    def test_the_plain_word_alone_lifts(self, word: str) -> None:
        assert decide_opt_out(word).meaning is InboundMeaning.OPT_IN

    @pytest.mark.parametrize("word", ["STAART", "startt", "UNSTOPP", "OOPT IN", "SUBSCRIBEE", "S T A A R T", "optiin"])
    def test_a_stretched_word_lifts_nothing(self, word: str) -> None:
        assert decide_opt_out(word).meaning is InboundMeaning.DOUBTFUL


class TestGrammar:
    def test_every_reading_compiles_and_names_kinds_that_have_words(self) -> None:
        for readings in GRAMMAR._readings.values():
            for those in readings.values():
                assert all(reading.match for reading in those)

    def test_a_reading_of_an_unknown_kind_is_refused(self) -> None:
        data = load_grammar()
        data["readings"]["request"].append("stop nonesuch")
        with pytest.raises(ValueError, match="nonesuch"):
            Grammar(data)

    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("they must cease with the offers", "request"),
            ("I might cease with the offers", "hypothesis"),
            ("cease with the offers until June", "limited_request"),
            ("don't cease with the offers", "negated_request"),
        ],
    )
    def test_conditions_in_its_sentence_make_a_request_doubtful(self, text: str, rule: str) -> None:
        decision = decide_opt_out(text)
        assert decision.rule == rule
        assert (decision.meaning is InboundMeaning.OPT_OUT) == (rule == "request")

    @pytest.mark.parametrize(
        "text", ["I might come by. Cease with the offers", "Cease with the offers. We are away until June"]
    )
    def test_conditions_in_another_sentence_change_nothing(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.OPT_OUT

    @pytest.mark.parametrize("act", ["stop", "quit", "cease"])
    @pytest.mark.parametrize("thing", ["drip", "rain", "leak", "pump", "water"])
    @pytest.mark.parametrize(
        "form", ["the {thing} won't {act}", "will the {thing} {act}", "the {thing} did not {act} yet"]
    )
    def test_what_else_stops_is_innocent(self, act: str, thing: str, form: str) -> None:
        assert decide_opt_out(form.format(act=act, thing=thing)).meaning is InboundMeaning.NONE

    @pytest.mark.parametrize("act", ["stop", "quit", "cease", "end", "cancel", "terminate"])
    @pytest.mark.parametrize("what", ["messages", "texts", "notifications", "ads"])
    @pytest.mark.parametrize("form", ["{act} all of your {what}", "kindly {act} these {what} to my phone"])
    def test_acts_and_what_is_stopped_combine(self, act: str, what: str, form: str) -> None:
        assert decide_opt_out(form.format(act=act, what=what)).meaning is InboundMeaning.OPT_OUT


class TestWordsSetTogetherOrApart:
    @pytest.mark.parametrize(
        "text",
        [
            "nomasmensajes",
            "porfavornomasmensajes",
            "nomemandenmensajes",
            "naomandemensagem",
            "pavoyemesajanko",
            "stopthetexts",
        ],
    )
    def test_words_run_together_are_read_in_every_language_that_parts_words(self, text: str) -> None:
        assert decide_opt_out(text) == OptOutDecision(
            InboundMeaning.OPT_OUT, "run_together", decide_opt_out(text).matched
        )

    @pytest.mark.parametrize("apart", [". ", "\n", ".\n", "... "])
    @pytest.mark.parametrize("text", ["lose my number", "do not text me", "ne me textez plus", "no me escriban mas"])
    def test_words_set_apart_by_stops_or_lines_are_one_sentence(self, text: str, apart: str) -> None:
        assert decide_opt_out(text.replace(" ", apart)).meaning is InboundMeaning.OPT_OUT

    @pytest.mark.parametrize(
        "text", ["ok. great. thanks. bye.", "Thanks\nJoe\nSmith", "paredes", "nombramiento", "sup. yes. noon."]
    )
    def test_other_words_set_together_or_apart_say_nothing(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.NONE

    @pytest.mark.parametrize("sign", ["🛑", "🛑🛑", "🚫", "⛔"])
    @pytest.mark.parametrize("text", ["{} texting me", "{} these messages", "pls {} texts"])
    def test_a_sign_for_stop_is_read_as_the_word(self, text: str, sign: str) -> None:
        assert decide_opt_out(text.format(sign)).meaning is InboundMeaning.OPT_OUT

    @pytest.mark.parametrize("text", ["🚫 parking out front", "the bus 🛑 is on our corner"])
    def test_a_sign_for_stop_among_innocent_words_is_innocent(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.NONE


class TestComplaints:
    @pytest.mark.parametrize(
        "text",
        [
            "your texts are so annoying",
            "sus mensajes molestan",
            "essas mensagens irritam",
            "vos textos sont agaçants",
            "mesaj nou yo fatige m",
            "天天发短信",
            "who gave you my number",
            "de donde sacaron mi numero",
            "quem passou meu contato",
            "qui vous a donné mon numéro",
            "kijan nou jwenn nimewo m",
            "你们怎么有我的号码",
        ],
    )
    def test_complaints_about_our_contact_pause(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.DOUBTFUL

    @pytest.mark.parametrize(
        "text",
        [
            "the noise is so annoying",
            "me molesta el ruido de la bomba",
            "o barulho irrita",
            "la fuite est agaçante",
            "dlo a fatige m",
            "天天漏水",
            "who gave the estimate",
            "de donde son ustedes",
        ],
    )
    def test_the_same_words_about_the_house_do_not(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.NONE

    @pytest.mark.parametrize(
        "text",
        [
            "next text and I call my lawyer",
            "si me vuelven a escribir los demando",
            "se mandarem outra mensagem vou processar",
            "un autre message et je porte plainte",
            "si nou ekri m anko m ap rele avoka m",
            "再发我就投诉",
            "you are blocked",
            "ya los bloqueé",
            "vous êtes bloqués",
            "已拉黑",
        ],
    )
    def test_threats_and_blocks_ask_us_to_stop(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.OPT_OUT


class TestWordsAroundAStop:
    """What nobody asks in words but means: six languages, the same constructions."""

    @pytest.mark.parametrize(
        "text",
        [
            "go bother somebody else",
            "vayan a molestar a otra persona",
            "vai encher outro",
            "allez texter ailleurs",
            "al anmede lot moun",
            "去烦别人",
            "pretend I died",
            "hagan de cuenta que no existo",
            "faz de conta que morri",
            "faites comme si mon numero existait pas",
            "fe komsi m mouri",
            "就当没有我这个人",
            "let that be the last one",
            "que sea la ultima",
            "que seja a ultima",
            "que ce soit la derniere",
            "se denye fwa",
            "这是最后一次了",
            "one more and I file with the FCC",
            "uno mas y hablo con mi abogado",
            "mais uma e falo com o advogado",
            "encore un et je porte plainte",
            "再来一条我们法庭见",
            "my phone is not a billboard",
            "mi celular no es valla publicitaria",
        ],
    )
    def test_it_pauses_at_least(self, text: str) -> None:
        assert decide_opt_out(text).meaning in PAUSED

    @pytest.mark.parametrize(
        "text",
        [
            "I'll call somebody else to hold the ladder",
            "the last one was the blue house",
            "one more coat of sealer please",
            "the billboard is across from my house",
            "otra persona les abre la puerta",
            "se me acabo otra bolsa de cemento",
            "rappelez moi stp",
            "d acuerdo, q vengan el lunes",
        ],
    )
    def test_the_same_words_about_the_work_do_not(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.NONE


class TestDisguise:
    @pytest.mark.parametrize(
        "text",
        ["Stpo", "sotp texting me", "UNSUSCRIBE ME NOW", "pls stawp with the texts", "5top", "unsub5cribe", "0pt 0ut"],
    )
    def test_a_slip_that_is_no_word_is_the_keyword(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.OPT_OUT

    @pytest.mark.parametrize("text", ["spot", "stops", "10-4 stop", "stp", "unsubscribed", "sotp by the house"])
    def test_a_word_or_a_slip_among_others_waits_for_a_person(self, text: str) -> None:
        assert decide_opt_out(text).meaning is not InboundMeaning.OPT_OUT

    @pytest.mark.parametrize("text", ["stpo. just kidding", "don't stpo texting me", "st0p texting me after 9"])
    def test_what_disarms_a_keyword_disarms_its_slip(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.DOUBTFUL


class TestNotAskedOfUs:
    """Requests whose object is not our texts: what is sent, which channel, whose list, what already happened."""

    @pytest.mark.parametrize(
        "text",
        [
            "no need to call, just knock",
            "no need to message me back",
            "no hace falta que llamen, solo toquen",
            "não precisa ligar, é só tocar",
            "pas besoin d'appeler, entrez",
            "pa bezwen rele, annik frape",
            "不用打电话,直接敲门就行",
            "I don't want to receive the invoice by mail",
            "no me manden el recibo",
            "não quero receber ninguém hoje",
            "ne m'envoyez pas la facture",
            "pa voye fakti a",
            "did you stop sending reminders?",
            "no texts from you yet, is it still on?",
            "cancel that last text",
            "leave me out of the decision",
            "I revoke what I said about the chimney",
            "drop my number to your partner",
            "I can't get it to stop please call me",
            "je veux plus de détails",
            "vcs removem o mofo?",
            "I'd like the arbitration opt out form",
            "nou bliye yon pèl isit la",
            "nou bloke wout la pou kamyon an",
            "I don't want to keep getting water in there",
        ],
    )
    def test_it_opts_nobody_out(self, text: str) -> None:
        assert decide_opt_out(text).meaning is not InboundMeaning.OPT_OUT

    @pytest.mark.parametrize(
        "text",
        [
            "no need to text me anymore",
            "no me manden mas mensajes",
            "não quero receber mais mensagens",
            "ne m'envoyez plus de textos",
            "不用再发短信了",
            "how many times must I say stop texting me",
            "leave me out of this",
            "no deseo seguir recibiendo esto",
            "não desejo continuar recebendo",
            "tex sa yo mwen pa vle yo anko",
            "count me out of the text blasts",
            "make it stop",
            "drop my number",
        ],
    )
    def test_the_same_words_about_our_texts_do(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.OPT_OUT


class TestAnyWriting:
    @settings(max_examples=200)
    @given(keyword=st.sampled_from(CLEAR_KEYWORDS), data=st.data(), before=PADDING, after=PADDING, ending=ENDING)
    def test_a_clear_keyword_stays_one(
        self, keyword: str, data: st.DataObject, before: str, after: str, ending: str
    ) -> None:
        letters = [
            data.draw(st.sampled_from([letter.lower(), letter.upper(), _full_width(letter)])) for letter in keyword
        ]
        text = "".join(letter + data.draw(ZERO_WIDTH) for letter in letters)
        assert decide_opt_out(before + text + after + ending).meaning is InboundMeaning.OPT_OUT

    @settings(max_examples=200)
    @given(text=st.text(alphabet=st.characters(), max_size=300))
    def test_no_text_raises(self, text: str) -> None:
        assert decide_opt_out(text).meaning in InboundMeaning

    @pytest.mark.parametrize("text", ["", "\ud800", "\udfff STOP".removesuffix(" STOP"), "\0" * 10, "\u0301" * 10])
    def test_text_without_words_says_nothing(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.NONE

    @pytest.mark.parametrize("text", ["\ud800STOP", "STOP\udfff", "\0STOP\0"])
    def test_broken_characters_hide_no_stop(self, text: str) -> None:
        assert decide_opt_out(text).meaning is InboundMeaning.OPT_OUT

    @pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
    def test_a_stop_of_its_own_always_pauses(self, text: str) -> None:
        for form in ("STOP. {}", "STOP\n{}", "{}. STOP", "{}\nSTOP"):
            assert decide_opt_out(form.format(text)).meaning in PAUSED


def lines_run_by(text: str) -> int:
    """How many lines of code the decision about it runs: its work, whatever else the machine does."""
    ran = 0

    def count(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal ran
        ran += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        decide_opt_out(text)
    finally:
        sys.settrace(before)
    return ran


class TestHostileLength:
    LENGTH = 100_000

    @pytest.mark.parametrize(
        "piece",
        ["stop ", "bus stop ", "stop all the these ", "a", "\u0301\u0316", "s t ", '"a ', "\n", "re:", "> a\n", "dont ",
         "on 1 \n", "please ", 'to "', "$t0p ", "stop", "cancel my ", "never not to ", "停", "https://", "from:\n",
         "if stop these texts before ", "remove me from pump ", "nomas", "a. b. ", "🛑 text ",
         "st*p ", "@a a(", "stopstop4", "texst "],
    )  # fmt: skip
    def test_work_grows_with_the_length_only(self, piece: str) -> None:
        decide_opt_out(piece * 100)
        once, fourfold = (lines_run_by(piece * (length // len(piece))) for length in (2_000, 8_000))
        assert fourfold < 5 * once
        decide_opt_out(piece * (self.LENGTH // len(piece)))  # with the square of it the test's time would be over

    @pytest.mark.parametrize("filler", ["we will be there ", "\u200b", "a", "🙂"])
    def test_no_length_hides_a_stop_at_either_end_or_between(self, filler: str) -> None:
        long = filler * (self.LENGTH // len(filler))
        for text in (f"STOP. {long}", f"{long}. STOP", f"{long}. STOP. {long}"):
            assert decide_opt_out(text).meaning is InboundMeaning.OPT_OUT


class TestFolding:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("Don’t", ["dont"]),
            ("ＳＴＯＰ", ["stop"]),
            ("Arrêtez", ["aretez"]),
            ("STOOOP the stoop", ["stop", "the", "stoop"]),
            ("取消abc", ["取", "消", "abc"]),
            ("🅢🅣🅞🅟", ["stop"]),
            ("🇸🇹🇴🇵", ["stop"]),
            ("a\u200bb 👍c", ["ab", "c"]),
        ],
    )
    def test_words_are_plain(self, text: str, words: list[str]) -> None:
        assert split_words(fold_characters(text)) == words


def _full_width(letter: str) -> str:
    return chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter
