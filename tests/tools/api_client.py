"""A client made from the API's own description: every operation a method, every answer held to what is described."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from jsonschema import Draft202012Validator

JSON = "application/json"


class Refused(Exception):
    """The API's problem, as it described it."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['status']} {problem['code']}: {problem['detail']}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, and where its links lead: operation to arguments."""

    content: Any
    links: dict[str, dict[str, Any]]

    def __getitem__(self, name: str) -> Any:
        return self.content[name]


class ApiClient:
    """`client.operation_id(...)`: parameters by their names, a hyphen as an underscore; the body as `body`."""

    def __init__(self, http: httpx.Client, *, token: str, at: str = "/api/v1/openapi.json") -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {token}"}
        self.document: dict[str, Any] = http.get(at, headers=self._headers).raise_for_status().json()
        self._operations = {
            operation["operationId"]: (method, path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        if name not in self._operations:
            raise AttributeError(f"the document has no operation {name}")
        return lambda body=None, **arguments: self._call(name, body, arguments)

    def follow(self, answer: Answer, name: str, **more: Any) -> Answer:
        """Call the operation that the answer leads to."""
        return self.__getattr__(name)(**answer.links[name], **more)

    def example(self, name: str) -> Any:
        """The example of what the operation takes."""
        (content,) = self._operations[name][2]["requestBody"]["content"].values()
        return content["example"]

    def _call(self, name: str, body: Any, arguments: dict[str, Any]) -> Answer:
        method, path, operation = self._operations[name]
        sent: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
        for parameter in operation.get("parameters", []):
            value = arguments.pop(parameter["name"].replace("-", "_"), None)
            if value is not None:
                sent[parameter["in"]][parameter["name"]] = str(value)
            elif parameter.get("required"):
                raise TypeError(f"{name} needs {parameter['name']}")
        if arguments:
            raise TypeError(f"{name} has no {', '.join(arguments)}")
        taken = operation.get("requestBody", {}).get("content", {})
        response = self._http.request(
            method,
            path.format(**{key: quote(value, safe="") for key, value in sent["path"].items()}),
            params=sent["query"],
            headers={**self._headers, **sent["header"], **({"content-type": kind} if (kind := _only(taken)) else {})},
            **({} if not taken else {"json": body} if _only(taken) == JSON else {"content": body}),
        )
        return self._read(operation, response)

    def _read(self, operation: dict[str, Any], response: httpx.Response) -> Answer:
        described = operation["responses"][str(response.status_code)]
        kind = response.headers["content-type"].partition(";")[0]
        content: Any = response.json() if kind.endswith("json") else response.content
        schema = described["content"][kind].get("schema", {})
        if kind.endswith("json"):
            Draft202012Validator({"components": self.document["components"], **schema}).validate(content)
        if response.status_code >= 400:
            raise Refused(content)
        return Answer(content, {name: _resolved(link, content) for name, link in described.get("links", {}).items()})


def _only(contents: dict[str, Any]) -> str | None:
    return next(iter(contents), None)


def _resolved(link: dict[str, Any], content: Any) -> dict[str, Any]:
    """The link's arguments, read from the answer; none where the answer has nothing there."""
    found: dict[str, Any] = {}
    for name, expression in link["parameters"].items():
        value = content
        for part in expression.removeprefix("$response.body#/").split("/"):
            if not value:
                return {}
            value = value[int(part)] if isinstance(value, list) else value.get(part)
        found[name] = value
    return found
