"""The OpenAPI document as one page of HTML that loads nothing and runs no script."""

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from bff.errors import STATUS

STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f4f5f7;padding:.8rem;overflow-x:auto}
details{border:1px solid #d8dbe0;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}summary{cursor:pointer}
.method{display:inline-block;min-width:4.5rem;font-weight:600}table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;border-bottom:1px solid #e4e6ea;padding:.25rem .5rem}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e3e6ea}pre{background:#1e2226}
details,th,td{border-color:#343a41}}
"""
_DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# The page's one style by its digest (CSP Level 3, 2.3.1): nothing else that may stand inline would be heeded.
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def render(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style>",
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info['description'])} ",
        "The same as <a href=/api/openapi.json>OpenAPI 3.1</a>.</p>",
    ]
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2>")
        parts += _operations(document, tag["name"])
    parts.append("<h2>Errors</h2><table><tr><th>code<th>status")
    parts += [f"<tr id={code}><td><code>{code}</code><td>{status}" for code, status in STATUS.items()]
    parts.append("</table><h2>Schemas</h2>")
    parts += [
        f"<details id={escape(name)}><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    ]
    return "".join(parts)


def _operations(document: dict[str, Any], tag: str) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if tag in operation["tags"]:
                yield _operation(path, method, operation)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [
        f"<details id={operation['operationId']}><summary><span class=method>{method.upper()}</span>",
        f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>",
    ]
    if "description" in operation:
        parts.append(f"<p>{escape(operation['description'])}</p>")
    if operation["parameters"]:
        parts.append("<table><tr><th>parameter<th>in<th>schema")
        parts += map(_parameter, operation["parameters"])
        parts.append("</table>")
    if "requestBody" in operation:
        parts.append(f"<h3>Body</h3>{_json(operation['requestBody']['content'])}")
    parts.append("<h3>Answers</h3><table><tr><th>status<th>meaning<th>body")
    for status, response in operation["responses"].items():
        body = escape(json.dumps(response.get("content", {}).get("application/json", {}).get("schema", {})))
        parts.append(f"<tr><td>{status}<td>{escape(response['description'])}<td><code>{body}</code>")
    return "".join([*parts, "</table></details>"])


def _parameter(parameter: dict[str, Any]) -> str:
    required = " (required)" if parameter.get("required") else ""
    schema = escape(json.dumps(parameter["schema"]))
    name = escape(parameter["name"])
    return f"<tr><td><code>{name}</code>{required}<td>{parameter['in']}<td><code>{schema}</code>"


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2))}</pre>"
