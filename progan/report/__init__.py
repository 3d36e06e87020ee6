"""The report of a run: one page of HTML and one of Markdown, made from the files of its directory alone."""
