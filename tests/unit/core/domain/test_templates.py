import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.domain.segments import utf16_length
from services.core.domain.templates import (
    Finding,
    MissingFields,
    Rendered,
    TemplateInvalid,
    TextTooLong,
    check_marketing_text,
    parse_template,
    render,
)

HOSTILE_PIECES = [
    "{{7*7}}",
    "{{config}}",
    "{{ self.__init__.__globals__ }}",
    "{% for i in range(10**9) %}",
    "{% endfor %}",
    "{# x #}",
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "{{first_name}}",
    "{{city|{{state}}}}",
    "${7*7}",
    "#{7*7}",
    "<%= 7 %>",
    "{{request|attr('application')}}",
    "{{lipsum.__globals__['os'].popen('id').read()}}",
    "{0.__class__}",
    "%(a)s",
    "%s",
    "{first_name}",
    "{{",
    "}}",
    "{",
    "}",
    "|",
    "\\",
    "`id`",
    "$(id)",
    "';--",
    "<script>alert(1)</script>",
    "{{{{",
    "\u202e",
    "\x1b[31m",
    "{{first_name|upper}}",
    "=cmd|' /C calc'!A0",
    "{!x!}",
    "[[x]]",
    "\n",
    "\u200b",
    "@{x}",
    "*{x}",
    "T(java)",
]


def hostile_payloads(count: int) -> list[str]:
    chance = random.Random(20261123)
    return ["".join(chance.choices(HOSTILE_PIECES, k=chance.randint(1, 6))) for _ in range(count)]


class TestParseTemplate:
    @pytest.mark.parametrize(
        ("text", "fields"),
        [
            ("Hi there", ()),
            ("Hi {{first_name}}", ("first_name",)),
            ("{{first_name|there}} {{city}}{{state}}", ("first_name", "city", "state")),
            ("{{ first_name | dear friend }} {{first_name}}", ("first_name",)),
            ("{{First Name}} {{ZIP}} {{externalid}}", ("first_name", "zip", "external_id")),
            ("{{first_name|}}!", ("first_name",)),
            ("{{city|your town (or near)}}", ("city",)),
            ("{{city|a\nb}}", ("city",)),
            ("a" * 1600, ()),
            ("😀" * 800, ()),
        ],
    )
    def test_fields_are_read(self, text: str, fields: tuple[str, ...]) -> None:
        assert parse_template(text).fields == fields

    @pytest.mark.parametrize(
        ("text", "code", "position"),
        [
            ("", "blank", 0),
            (" \n\t\u00a0", "blank", 0),
            ("\u200b\ufeff", "blank", 0),
            ("{{first_name|}} {{city| }}", "may_be_blank", 0),
            ("a" * 1601, "too_long", 1600),
            ("😀" * 801, "too_long", 800),
            ("a\0", "unsendable_character", 1),
            ("a\ud800", "unsendable_character", 1),
            ("Hi {{first_name", "unclosed", 3),
            ("Hi {{first_name}} and {{city", "unclosed", 22),
            ("Hi {{first_name}", "unknown_syntax", 15),
            ("Hi {{first_name}}}", "unknown_syntax", 15),
            ("Hi {first_name}", "unknown_syntax", 3),
            ("Hi {{{first_name}}}", "nested", 3),
            ("Hi {{first_name|{{city}}}}", "nested", 16),
            ("Hi {{first_name|{x}}}", "nested", 16),
            ("Hi {{a {{first_name}}", "nested", 7),
            ("Hi }} you", "unopened", 3),
            ("{% for x in y %}a{% endfor %}", "unknown_syntax", 0),
            ("Hi {# secret #}", "unknown_syntax", 3),
            ("Hi {{}}", "unknown_syntax", 3),
            ("Hi {{|x}}", "unknown_syntax", 3),
            ("Hi {{first_name.upper()}}", "unknown_syntax", 3),
            ("Hi {{7*7}}", "unknown_syntax", 3),
            ("Hi {{fist_name}}", "unknown_field", 3),
            ("Hi {{roof_age}}", "unknown_field", 3),
            ("Hi {{first_name|upper}}", "filter_call", 15),
            ("Hi {{first_name|default('x')}}", "filter_call", 15),
            ("Hi {{first_name | default: 'x'}}", "filter_call", 16),
            ("Hi {{first_name|a|b}}", "filter_call", 15),
        ],
    )
    def test_anything_else_is_refused_where_it_stands(self, text: str, code: str, position: int) -> None:
        with pytest.raises(TemplateInvalid) as refused:
            parse_template(text)
        assert (refused.value.code, refused.value.position) == (code, position)
        assert refused.value.message

    def test_a_near_miss_is_suggested(self) -> None:
        with pytest.raises(TemplateInvalid, match="did you mean first_name"):
            parse_template("Hi {{frist_name}}")

    def test_custom_fields_match_as_headers_do(self) -> None:
        template = parse_template("{{Roof Age}} {{Größe}}", known_fields=frozenset({"roof_age", "größe"}))
        assert template.fields == ("roof_age", "größe")

    def test_positions_count_in_the_stored_text(self) -> None:
        with pytest.raises(TemplateInvalid) as refused:
            parse_template("a\r\nb {x}")
        assert refused.value.position == "a\nb {x}".index("{")

    @given(st.text(alphabet=st.sampled_from("{}|%# ab\nfirst_name"), max_size=60))
    @settings(max_examples=200)
    def test_any_text_is_parsed_or_refused_inside_itself(self, text: str) -> None:
        refused = None
        try:
            template = parse_template(text)
        except TemplateInvalid as invalid:
            refused = invalid
        if refused is not None:
            assert 0 <= refused.position <= len(text)
        else:
            assert "{" not in "".join(part for part in template.parts if isinstance(part, str))


class TestRender:
    @pytest.mark.parametrize(
        ("template", "values", "text"),
        [
            ("Hi {{first_name|there}}!", {}, "Hi there!"),
            ("Hi {{first_name|there}}!", {"first_name": "  "}, "Hi there!"),
            ("Hi {{first_name|there}}!", {"first_name": "\u200b"}, "Hi there!"),
            ("Hi {{first_name|there}}!", {"first_name": "Ann", "city": "x"}, "Hi Ann!"),
            ("Hi {{first_name|}}!", {}, "Hi !"),
            ("{{city}}, {{city}}", {"city": "Reno"}, "Reno, Reno"),
            ("{{city}}\u0301", {"city": "e"}, "\u00e9"),
            ("{{city}}", {"city": "a\r\nb"}, "a\nb"),
            ("{{city}} {{first_name}}", {"city": "{{first_name}}", "first_name": "Ann"}, "{{first_name}} Ann"),
            ("{{city}}}", {}, None),
        ],
    )
    def test_fields_are_filled(self, template: str, values: dict[str, str], text: str | None) -> None:
        if text is None:
            with pytest.raises(TemplateInvalid):
                parse_template(template)
        else:
            assert render(parse_template(template), values) == Rendered(text)

    def test_missing_fields_are_all_named_once(self) -> None:
        template = parse_template("{{first_name}} {{city}} {{city}} {{state|x}}")
        assert render(template, {"first_name": ""}) == MissingFields(("first_name", "city"))

    def test_the_limit_counts_utf_16_units_of_the_rendered_text(self) -> None:
        template = parse_template("{{city}}")
        assert render(template, {"city": "😀" * 800}) == Rendered("😀" * 800)
        assert render(template, {"city": "\r\n" * 1599 + "a"}) == Rendered("\n" * 1599 + "a")
        with pytest.raises(TextTooLong) as refused:
            render(template, {"city": "😀" * 800 + "a"})
        assert refused.value.length == 1601

    def test_a_thousand_hostile_values_stay_text(self) -> None:
        template = parse_template("Hi {{first_name|you}}, {{city}}.")
        for payload in hostile_payloads(1000):
            values = {"first_name": payload, "city": payload}
            if payload.strip() and payload.strip("\u200b\n\u202e\x1b"):
                assert render(template, values) == Rendered(f"Hi {payload}, {payload}.")

    def test_a_thousand_hostile_templates_are_refused_or_render_only_what_is_written(self) -> None:
        for payload in hostile_payloads(1000):
            try:
                template = parse_template(f"Hi {payload}")
            except TemplateInvalid:
                continue
            rendered = render(template, {"first_name": "Ann"})
            assert rendered == Rendered(f"Hi {payload}".replace("{{first_name}}", "Ann"))

    def test_ten_thousand_fields_and_long_values_take_no_time(self) -> None:
        template = parse_template("{{city}}" * 200)
        for _ in range(100):
            with pytest.raises(TextTooLong):
                render(template, {"city": "{{city}}" * 1000})

    @given(st.dictionaries(st.sampled_from(["first_name", "city"]), st.text(max_size=900)))
    @settings(max_examples=100)
    def test_a_rendered_text_can_be_sent(self, values: dict[str, str]) -> None:
        try:
            rendered = render(parse_template("{{first_name|x}}{{city|}}"), values)
        except TextTooLong:
            return
        assert isinstance(rendered, Rendered)
        assert 1 <= utf16_length(rendered.text) <= 1600
        assert rendered.text.strip()


class TestCheckMarketingText:
    @pytest.mark.parametrize(
        "text",
        [
            "Free check. Reply STOP to opt out",
            "Reply STOP to opt out",
            "Text \"STOP\" to end",
            "text us stop any time",
            "STOP to unsubscribe",
            "STOP=end",
            "To opt out, send the word STOP.",
            "Respond with UNSUBSCRIBE to leave",
            "Responda STOP para no recibir más",
            "Envíe ALTO",
            "Responda SAIR para sair",
            "Répondez STOP",
            "Reponn STOP",
            "回复STOP退订",
        ],
    )  # fmt: skip
    def test_a_line_that_says_how_to_opt_out(self, text: str) -> None:
        assert check_marketing_text(text, first_message=True) == []

    @pytest.mark.parametrize(
        "text",
        [
            "We stop leaks",
            "Reply YES to stop leaks",
            "stop2quit",
            "Hi {{city|Reply STOP}}",
            "Call us",
            "Don't stop",
            "",
        ],
    )
    def test_its_absence_is_found_at_the_end_of_first_messages_alone(self, text: str) -> None:
        findings = check_marketing_text(text, first_message=True)
        assert [(finding.code, finding.position) for finding in findings] == [("no_opt_out_line", len(text))]
        assert check_marketing_text(text, first_message=False) == []

    @pytest.mark.parametrize(
        ("text", "positions"),
        [
            ("see bit.ly/abc", [4]),
            ("see BIT.LY", [4]),
            ("https://www.tinyurl.com/x.", [0]),
            ("go.rebrand.ly/x and t.co/y", [0, 20]),
            ("{{city|t.ly/x}}", [7]),
            ("(is.gd/x)", [1]),
            ("rabbit.ly/x", []),
            ("not.co", []),
            ("me@bit.ly", []),
            ("bit.ly.example.com", []),
            ("acme-foundation.com/bit.lyx", []),
        ],
    )
    def test_link_shorteners_are_found(self, text: str, positions: list[int]) -> None:
        findings = check_marketing_text(text, first_message=False)
        assert [finding.position for finding in findings] == positions
        assert all(isinstance(finding, Finding) and finding.code == "link_shortener" for finding in findings)
