"""Errors that a user can act on. Each message is one sentence: what is wrong, and what to do."""


class EarvidError(Exception):
    """Base of every error that earvid raises on purpose; the CLI prints it without a traceback."""

    exit_code = 1


class UsageError(EarvidError):
    """The request itself makes no sense (contradicting or missing arguments)."""

    exit_code = 2


class VideoError(EarvidError):
    """A clip is missing, unreadable, empty or of a kind that cannot be read faithfully."""


class PromptError(EarvidError):
    """A prompt is malformed or does not fit its clip."""


class NoEarError(EarvidError):
    """No ear was found in a clip, or none that is certain enough to be tracked unasked."""


class ModelError(EarvidError):
    """A model or its weights are missing, damaged or do not fit."""


class LostProcessError(EarvidError):
    """A process that computes for this one has ended, perhaps for want of memory."""


class StoreError(EarvidError):
    """A store is missing, damaged, made by other settings, or cannot be written."""
