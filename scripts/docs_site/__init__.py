"""The documentation as a site: references out of the sources as Markdown, beside the pages of `docs/`."""
