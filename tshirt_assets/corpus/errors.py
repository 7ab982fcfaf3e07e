"""The errors that reading and prompting raise; a single bad row is a status instead."""


class CorpusError(RuntimeError):
    """Systemic trouble with the corpus: one line that says what is wrong and what to do."""


class TemplateError(ValueError):
    """The tokenizer's chat template refused a conversation (status `template_error`)."""
