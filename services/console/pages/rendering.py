"""Pages from templates: a whole page for a browser's request, the parts of it that live for a script's."""

from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context as Facts
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.console import sessions
from services.console.authentication import Caller
from services.console.pages import words
from services.console.pages.static import address_of
from services.console.problems import Problem
from services.core.domain.access import Role, may
from services.core.domain.glossary import in_words
from services.core.domain.today import counted
from services.core.views.today import Today

FOLDER = Path(__file__).parents[1] / "templates"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types htmx"
    ),
    # with no-referrer a browser would name no origin for our own forms
    "referrer-policy": "same-origin",
    "vary": "hx-request",
}
PAGES = (("/", "Today"), ("/imports", "Import"), ("/campaigns", "Campaigns"))
"""What the bar leads to, beside what it shows the state of."""

LIVE_PARTS = ("state", "live")
"""The blocks that are sent anew while a page is open, each into the element of its name."""


@pass_context
def _moment(facts: Facts, at: datetime) -> str:
    return words.moment(at, now=facts["today"].at, zone=ZoneInfo(facts["today"].zone))


@pass_context
def _to_the_second(facts: Facts, at: datetime) -> str:
    return f"{_moment(facts, at)}:{at:%S}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "moment": _moment,
        "to_the_second": _to_the_second,
        "day": words.day_of,
        "span": words.span,
        "masked": words.masked,
        "in_words": in_words,
        "counted": counted,
    }
    made.globals |= {"static": address_of, "pages": PAGES}
    return made


TEMPLATES = _environment()


def facts_of(request: Request, caller: Caller, today: Today, **facts: Any) -> dict[str, Any]:
    """What every page knows: who looks, what they may, the day; and what this one knows besides."""
    return {
        "caller": caller,
        "may_act": may(caller.role, Role.OPERATOR),
        "is_admin": may(caller.role, Role.ADMIN),
        "csrf_token": sessions.csrf_token(request),
        "path": request.url.path,
        "live_at": None,
        "today": today,
        "problem": None,
        "given": {},
        **facts,
    }


def page(request: Request, name: str, facts: dict[str, Any]) -> Response:
    """The page, or for a script that has it open already its parts that live."""
    problem: Problem | None = facts["problem"]
    if "hx-request" in request.headers and problem is None:
        return HTMLResponse(live_parts(name, facts), headers=HEADERS)
    status = problem.status if problem is not None else HTTPStatus.OK.value
    return HTMLResponse(TEMPLATES.get_template(name).render(facts), status, HEADERS)


def live_parts(name: str, facts: dict[str, Any]) -> str:
    """The template's blocks that live, each to be put in place of what its element holds."""
    template, frame = TEMPLATES.get_template(name), TEMPLATES.get_template("frame.html")
    context = template.new_context(facts)
    blocks = frame.blocks | template.blocks
    return "\n".join(
        f'<hx-partial hx-target="#{part}" hx-swap="innerMorph">{"".join(blocks[part](context))}</hx-partial>'
        for part in LIVE_PARTS
    )


def problem_page(problem: Problem, request_id: str) -> Response:
    """What is shown instead of a page, also where nothing is known of the day or of who looks."""
    content = TEMPLATES.get_template("problem.html").render(problem=problem, request_id=request_id)
    return HTMLResponse(content, problem.status, {**HEADERS, **problem.headers})
