"""Places for what a long run writes, and whole files in them."""

from __future__ import annotations

from pathlib import Path

from bulkhead.chain.errors import BadInput


def check_outputs(*paths: Path | None) -> None:
    """Makes sure that files can be written, before minutes are spent on what goes into them.

    Args:
        paths: Files, None for those that are not wanted.

    Raises:
        BadInput: A sentence that names the file.
    """
    wanted = [path for path in paths if path is not None]
    for path in wanted:
        try:
            if path.is_dir():
                raise BadInput(f"{path} is a folder where a file is to be written.")
            path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not path.exists()
            with path.open("a"):
                pass
            if is_new:
                path.unlink()
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
        except ValueError:  # a zero byte within the name
            raise BadInput(f"{str(path)!r} is not the name of a file.") from None
    places = [path.resolve() for path in wanted if path.is_file() or not path.exists()]
    if len(set(places)) < len(places):
        raise BadInput(f"Two outputs are to go into one file: {', '.join(map(str, wanted))}.")
