"""The errors that mfdvep raises on purpose; the command line shows each as one line."""


def one_line(text: str) -> str:
    """Return text in which characters that would break or end a line are spelled out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class MfdvepError(Exception):
    """A problem with the run, in one line: what, where, found, expected, what to do next."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(MfdvepError):
    """A file or value from the user is missing, damaged, of another format, or inconsistent."""


class OutputError(MfdvepError):
    """An output exists already, or cannot be written whole."""


class ModelError(MfdvepError):
    """Weights or their configuration are damaged, of another version, or do not fit."""


class TrainingError(MfdvepError):
    """A training run cannot go on (loss not finite, no labelled bins, another run's checkpoint)."""


class ClusterError(MfdvepError):
    """A cluster cannot be reached, its workers do not fit the run, or a chunk ends them."""
