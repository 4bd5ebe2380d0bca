"""Maker servers as their customers see them: what is asked or handed over, and what comes back in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from bulkhead.chain.errors import BadInput
from bulkhead.client.signed_order import SignedOrder

#: A server that has not answered by then is left out [s].
PATIENCE = 0.8
#: Bytes of an answer that are read.
LARGEST = 64 * 1024


def _post(url: str, path: str, body: Mapping[str, Any]) -> Any:
    """The JSON that a server answers, or the sentence why there is none."""
    try:
        with httpx.Client(timeout=PATIENCE, trust_env=False, follow_redirects=False) as http:
            answer = http.post(url.rstrip("/") + path, json=body)
    except httpx.TimeoutException:
        return f"no answer within {PATIENCE * 1000:.0f} ms"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return f"cannot be reached: {type(error).__name__}"
    if len(answer.content) > LARGEST:
        return "the answer is too long"
    try:
        content = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}, and no JSON"
    if answer.status_code != 200:
        said = content.get("error") if isinstance(content, dict) else None
        return f"HTTP {answer.status_code}" if said is None else " ".join(str(said)[:300].split())
    return content


def ask_all(urls: Sequence[str], path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Posts to several servers at once: by URL the JSON that came, or a sentence as text.

    Raises:
        BadInput: A URL is none.
    """
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"{url!r} is no address of a maker server: it begins with http:// or https://.")
    different = list(dict.fromkeys(urls))
    if not different:
        return {}
    with ThreadPoolExecutor(len(different)) as pool:
        return dict(zip(different, pool.map(lambda url: _post(url, path, body), different), strict=True))


def hand_over(urls: Sequence[str], signed: SignedOrder) -> dict[str, str]:
    """Gives an order that waits for a price to maker servers: by URL "waiting", or the sentence why it is not."""
    answers = ask_all(urls, "/orders", signed.to_dict())
    return {url: said if isinstance(said, str) else "waiting" for url, said in answers.items()}
