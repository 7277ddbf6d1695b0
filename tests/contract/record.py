"""The shapes that other programs rely on, recorded from the views: `make schemas` writes `schemas.json` anew.

They only grow: what would lose a field, a verb, or the certainty of either is refused. The command line and the API
answer a verb with the same view; a list's shape is that of its items, written with a star.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from services.console.routes import ROUTES
from services.console.shapes import Page
from services.core.views.files import Exported
from services.core.views.schema import SchemaGrants, SchemaState
from tests.tools.routes import address_of

RECORDED = Path(__file__).with_name("schemas.json")
OF_ANOTHER_SHAPE = {
    "GET /campaigns/{campaign_id}/export": "the answer is the file itself; the command line says where it wrote it",
    "GET /contacts/imports/{import_id}/rows/export": "the answer is the file itself, which --csv writes",
    "POST /dead-letters/{letter_id}/replay": "the answer is that letter, which the command line has under items",
    "POST /webhooks/{webhook_id}/replay": "the answer is that webhook, which the command line has under items",
    "POST /provider/checklist/{item}": "the answer is that item; the command line shows the whole list again",
}
"""Endpoints whose verb the command line answers with another document, each with its reason."""
OF_THE_COMMAND_LINE: Mapping[str, Any] = {
    "schema show": SchemaState,
    "schema migrate": SchemaState,
    "schema wait": SchemaState,
    "schema grants": SchemaGrants,
    "campaigns export": Exported,
}

POSITIONS = (("Conversation", "before"),)


def answers() -> dict[str, Any]:
    """The view that each verb answers with; a list's is the API's page of it."""
    found = {
        route.verb: route.response_model
        for route in ROUTES
        if route.response_model is not None and f"{route.method} {address_of(route)}" not in OF_ANOTHER_SHAPE
    }
    return {**found, **OF_THE_COMMAND_LINE}


def generated() -> dict[str, Any]:
    """The document to record: `verbs` names each one's shape, `$defs` has the shapes."""
    views: dict[str, Any] = {}
    verbs = {}
    for verb, answer in answers().items():
        is_list = isinstance(answer, type) and issubclass(answer, Page)
        view = answer.__pydantic_generic_metadata__["args"][0] if is_list else answer
        views[view.__name__] = view
        verbs[verb] = view.__name__ + ("*" if is_list else "")
    inputs = [(name, "serialization", TypeAdapter(view)) for name, view in sorted(views.items())]
    schemas, shared = TypeAdapter.json_schemas(inputs, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
    defs = dict(shared.get("$defs", {}))
    for (name, _), schema in schemas.items():
        defs.setdefault(name, schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "verbs": dict(sorted(verbs.items())),
        "$defs": {name: _bare(defs[name]) for name in sorted(defs)},
    }


def positioned(shapes: dict[str, Any]) -> dict[str, Any]:
    """The shapes as the command line has them: where a list goes on is an id there, and a cursor over the API."""
    for name, field in POSITIONS:
        shapes["$defs"][name]["properties"][field] = {"type": ["integer", "null"]}
    return shapes


def losses(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What a program that reads the old shapes would miss in the new ones."""
    for verb, shape in old["verbs"].items():
        if verb not in new["verbs"]:
            yield f"{verb}: the verb is gone"
        elif shape.endswith("*") != new["verbs"][verb].endswith("*"):
            yield f"{verb}: a list and a single thing are two shapes"
        else:
            yield from _lost(verb, _named(shape, old), _named(new["verbs"][verb], new), old, new)


def _lost(
    where: str, before: Mapping[str, Any], after: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[str]:
    earlier, later = _kinds(before, old), _kinds(after, new)
    if earlier.keys() and not later.keys() <= earlier.keys():
        yield f"{where}: was {', '.join(sorted(earlier))}, and may now be {', '.join(sorted(later))}"
        return
    for kind in earlier.keys() & later.keys():
        was, now = earlier[kind], later[kind]
        for name, field in was.get("properties", {}).items():
            if name not in now.get("properties", {}):
                yield f"{where}.{name}: the field is gone"
                continue
            if name in was.get("required", ()) and name not in now.get("required", ()):
                yield f"{where}.{name}: it was always there, and now may not be"
            yield from _lost(f"{where}.{name}", field, now["properties"][name], old, new)
        for part in ("items", "additionalProperties"):
            if isinstance(was.get(part), dict) and isinstance(now.get(part), dict):
                yield from _lost(f"{where}[]", was[part], now[part], old, new)


def _kinds(schema: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The types that a value may have, each with its schema; none for a value of any type."""
    if "$ref" in schema:
        return _kinds(document["$defs"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema:
        return {kind: found for each in schema["anyOf"] for kind, found in _kinds(each, document).items()}
    if "oneOf" in schema:
        return {"object": _common([_kinds(each, document)["object"] for each in schema["oneOf"]])}
    kinds = schema.get("type", [])
    return dict.fromkeys([kinds] if isinstance(kinds, str) else kinds, schema)


def _common(objects: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What a reader knows of one of these objects: all their fields, and as certain those that each of them has."""
    certain = set.intersection(*(set(each.get("required", ())) for each in objects))
    fields: dict[str, list[Any]] = {}
    for each in objects:
        for name, field in each["properties"].items():
            fields.setdefault(name, []).append(field)
    properties = {name: {"anyOf": variants} for name, variants in fields.items()}
    return {"type": "object", "properties": properties, "required": sorted(certain)}


def _named(shape: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document["$defs"][shape.rstrip("*")]
    return found


def _bare(schema: Any) -> Any:
    """Without what says nothing of the shape: titles, descriptions, examples."""
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for name, value in schema.items():
        if name == "properties":
            kept[name] = {field: _bare(each) for field, each in value.items()}
        elif name not in {"title", "description", "example", "examples", "deprecated", "readOnly"}:
            kept[name] = _bare(value)
    return kept


def main() -> int:
    new = generated()
    lost = list(losses(json.loads(RECORDED.read_text()), new)) if RECORDED.exists() else []
    for line in lost:
        sys.stderr.write(f"{line}\n")
    if lost:
        sys.stderr.write("nothing is recorded: other programs read this; keep it, or an alias, for one version\n")
        return 1
    RECORDED.write_text(json.dumps(new, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
