"""Telling one ear from another: is what was found the ear that was lost?"""

from earvid.recognize.network import EarEmbedder, RecognizerConfig
from earvid.recognize.recognizer import EarRecognizer, load_recognizer, recognizer_file

__all__ = ["EarEmbedder", "EarRecognizer", "RecognizerConfig", "load_recognizer", "recognizer_file"]
